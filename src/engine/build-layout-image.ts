import { resolve } from 'node:path'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import { layersToUnpack } from '../image/image-layers.ts'
import type { LocalImage } from '../image/image-service.ts'
import { parseImageConfig } from '../oci/image-config.ts'
import { parseManifest } from '../oci/manifest.ts'
import { isIndexType } from '../oci/media-types.ts'
import { formatPlatform, selectPlatform } from '../oci/platform.ts'
import { defaultTag } from '../oci/reference.ts'
import type { Descriptor, Platform } from '../oci/types.ts'
import type { Engine } from './engine.ts'
import { copyLayoutBlob, layoutEntries, layoutTag, readLayoutDocument } from './layout-folder.ts'

/** What a build context begins with that is an image in a folder: `oci-layout://PATH[:TAG][@DIGEST]`. */
export const layoutScheme = 'oci-layout://'

/**
 * Brings the image of a layout folder into the store, without record or name. CONTEXT_UNREADABLE, PLATFORM_NOT_FOUND, MANIFEST_INVALID,
 * DIGEST_MISMATCH.
 */
export async function layoutImage(
  { settings, store, imageRecords }: Engine,
  source: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<LocalImage> {
  const action = `Cannot use build context "${source}"`
  const [, place = '', tag = defaultTag, digest] =
    /^(.*?)(?::([^/:@]+))?(?:@(.+))?$/.exec(source.slice(layoutScheme.length)) ?? []
  const path = resolve(settings.cwd, place)
  const entries = await layoutEntries(path).catch((cause: unknown) => {
    if (!hasErrno(cause, 'ENOENT', 'ENOTDIR')) throw cause
    throw new TsbuildError('CONTEXT_UNREADABLE', `${action}: "${path}" is not an OCI layout`, { cause })
  })
  const named = entries.find((entry) => (digest === undefined ? layoutTag(entry) === tag : entry.digest === digest))
  if (named === undefined) {
    const names = entries.map(layoutTag).join(', ')
    throw new TsbuildError('CONTEXT_UNREADABLE', `${action}: it has no image of ${digest ?? `tag "${tag}"`}`, {
      hint: `Its tags are: ${names}`,
    })
  }
  const read = async (entry: Descriptor): Promise<Uint8Array> => {
    const bytes = await readLayoutDocument(path, entry)
    await store.content.put(bytes)
    return bytes
  }
  let descriptor = named
  let document = parseManifest(await read(named), named.mediaType, action)
  if (isIndexType(named.mediaType) && document.kind === 'index') {
    const fitting = selectPlatform(document.index.manifests, platform)
    if (fitting === undefined)
      throw new TsbuildError('PLATFORM_NOT_FOUND', `${action}: it has no image for ${formatPlatform(platform)}`)
    descriptor = fitting
    document = parseManifest(await read(fitting), fitting.mediaType, action)
  }
  if (document.kind !== 'manifest') throw new TsbuildError('MANIFEST_INVALID', `${action}: its index is nested`)
  const { manifest } = document
  const config = parseImageConfig(await read(manifest.config), action)
  const layers = layersToUnpack(manifest, config, action)
  await Promise.all(manifest.layers.map((layer) => copyLayoutBlob(store.content, path, layer, signal)))
  store.db.transaction(() => {
    for (const [at, { diffId }] of layers.entries())
      imageRecords.addLayerBlob({ diffId, descriptor: manifest.layers[at]! })
  })
  return { id: manifest.config.digest, target: named, manifestDescriptor: descriptor, manifest, config }
}
