import { parseImageConfig } from '../oci/image-config.ts'
import { maxIndexDepth, parseManifest } from '../oci/manifest.ts'
import { isIndexType } from '../oci/media-types.ts'
import { selectPlatform } from '../oci/platform.ts'
import type { Descriptor, Platform } from '../oci/types.ts'
import type { ContentStore } from '../store/content.ts'
import type { LocalImage } from './image-service.ts'

/**
 * Reads the image that `target` (a manifest, or an index of any depth) means for `platform`. Undefined when the platform is not in
 * the index, or a document of it is not in the store. Errors: MANIFEST_INVALID, CONFIG_INVALID, STORE_CORRUPT.
 */
export async function readImage(
  content: ContentStore,
  target: Descriptor,
  platform: Platform,
): Promise<LocalImage | undefined> {
  let descriptor: Descriptor | undefined = target
  for (
    let depth = 0;
    descriptor !== undefined && isIndexType(descriptor.mediaType) && depth < maxIndexDepth;
    depth += 1
  ) {
    if (content.size(descriptor.digest) === undefined) return undefined
    const document = parseManifest(
      await content.read(descriptor.digest),
      descriptor.mediaType,
      `index ${descriptor.digest}`,
    )
    descriptor = document.kind === 'index' ? selectPlatform(document.index.manifests, platform) : undefined
  }
  return descriptor === undefined ? undefined : readManifestImage(content, target, descriptor)
}

/** As `readImage`, for a manifest that was chosen already. */
export async function readManifestImage(
  content: ContentStore,
  target: Descriptor,
  manifestDescriptor: Descriptor,
): Promise<LocalImage | undefined> {
  if (content.size(manifestDescriptor.digest) === undefined) return undefined
  const what = `manifest ${manifestDescriptor.digest}`
  const document = parseManifest(await content.read(manifestDescriptor.digest), manifestDescriptor.mediaType, what)
  if (document.kind !== 'manifest' || content.size(document.manifest.config.digest) === undefined) return undefined
  const { manifest } = document
  const config = parseImageConfig(await content.read(manifest.config.digest), `image ${manifest.config.digest}`)
  return { id: manifest.config.digest, target, manifestDescriptor, manifest, config }
}
