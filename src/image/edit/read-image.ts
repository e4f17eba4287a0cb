import { TsbuildError } from '../../base/errors.ts'
import { maxConfigSize, parseImageConfig } from '../../oci/image-config.ts'
import { maxIndexDepth, parseManifest } from '../../oci/manifest.ts'
import { formatPlatform, selectPlatform } from '../../oci/platform.ts'
import type { Descriptor, ImageConfig, Manifest, Platform } from '../../oci/types.ts'
import type { ContentSource } from '../transfer/endpoint.ts'
import { parseConfig } from './edit-content.ts'
import type { RawConfig } from './edit-content.ts'
import { readSmallBlob } from './read-small-blob.ts'

/** One platform's image of a place. */
export interface SourceImage {
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
  readonly raw: RawConfig
}

/** Reads manifest and config for a platform. Errors: PLATFORM_NOT_FOUND, MANIFEST_*, CONFIG_INVALID. */
export async function readSourceImage(source: ContentSource, platform: Platform): Promise<SourceImage> {
  let current = await source.resolve()
  for (let depth = 0; depth <= maxIndexDepth; depth += 1) {
    const document = parseManifest(current.bytes, current.descriptor.mediaType, `manifest of ${source.name}`)
    if (document.kind === 'manifest') {
      const bytes = await readSmallBlob(source, document.manifest.config, maxConfigSize)
      const config = parseImageConfig(bytes, `the config of ${source.name}`, platform.architecture)
      return {
        descriptor: current.descriptor,
        manifest: document.manifest,
        config,
        raw: parseConfig(bytes, source.name),
      }
    }
    const entry = selectPlatform(document.index.manifests, platform)
    if (entry === undefined)
      throw new TsbuildError(
        'PLATFORM_NOT_FOUND',
        `Cannot use ${source.name}: it is not made for ${formatPlatform(platform)}`,
      )
    current = await source.manifest(entry.digest)
  }
  throw new TsbuildError(
    'MANIFEST_INVALID',
    `Cannot use ${source.name}: its index is nested more than ${maxIndexDepth} deep`,
  )
}
