import type { Digest } from '../oci/digest.ts'
import { maxIndexDepth, parseManifest } from '../oci/manifest.ts'
import { isIndexType, isManifestType } from '../oci/media-types.ts'
import type { Descriptor } from '../oci/types.ts'
import type { ContentStore } from '../store/content.ts'
import { readManifestImage } from './image-documents.ts'
import type { LocalImage } from './image-service.ts'

/**
 * The images of an index, when it can leave the store as it is: every manifest, config and blob of every entry is here. Undefined for an
 * image without an index and for one that is only here in part. A manifest whose layers must be packed has no blobs, so it counts
 * as missing: packing would change its digest.
 */
export async function completeChildren(
  content: ContentStore,
  image: LocalImage,
): Promise<readonly LocalImage[] | undefined> {
  if (!isIndexType(image.target.mediaType)) return undefined
  const document = parseManifest(
    await content.read(image.target.digest),
    image.target.mediaType,
    `index ${image.target.digest}`,
  )
  if (document.kind !== 'index') return undefined
  const children: LocalImage[] = []
  for (const entry of document.index.manifests) {
    const child = await readManifestImage(content, entry, entry)
    if (child === undefined || !child.manifest.layers.every(({ digest }) => content.size(digest) !== undefined))
      return undefined
    children.push(child)
  }
  return children
}

/** True when one of `targets` is an index that names `wanted`, itself or through indexes below it. */
export async function indexNames(
  content: ContentStore,
  targets: readonly Descriptor[],
  wanted: Digest,
  depth = 0,
): Promise<boolean> {
  if (depth === maxIndexDepth) return false
  for (const { mediaType, digest } of targets) {
    if (!isIndexType(mediaType) || content.size(digest) === undefined) continue
    const document = parseManifest(await content.read(digest), mediaType, `index ${digest}`)
    if (document.kind !== 'index') continue
    const { manifests } = document.index
    if (manifests.some((entry) => entry.digest === wanted)) return true
    if (await indexNames(content, manifests, wanted, depth + 1)) return true
  }
  return false
}

/** Whether an index is here with everything below it, indexes in it and artifacts included: then it can leave the store byte for byte. */
export async function isCompleteIndex(content: ContentStore, target: Descriptor, depth = 0): Promise<boolean> {
  if (!isIndexType(target.mediaType) || depth > maxIndexDepth || content.size(target.digest) === undefined) return false
  const document = parseManifest(await content.read(target.digest), target.mediaType, `index ${target.digest}`)
  if (document.kind !== 'index') return false
  for (const entry of document.index.manifests) {
    const complete = isIndexType(entry.mediaType)
      ? await isCompleteIndex(content, entry, depth + 1)
      : await isCompleteManifest(content, entry)
    if (!complete) return false
  }
  return true
}

async function isCompleteManifest(content: ContentStore, entry: Descriptor): Promise<boolean> {
  if (content.size(entry.digest) === undefined) return false
  // An index may name blobs, too.
  if (!isManifestType(entry.mediaType)) return true
  const document = parseManifest(await content.read(entry.digest), entry.mediaType, `manifest ${entry.digest}`)
  if (document.kind === 'index') return false
  return [document.manifest.config, ...document.manifest.layers].every(
    ({ digest }) => content.size(digest) !== undefined,
  )
}
