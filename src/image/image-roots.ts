import { hasCode } from '../base/errors.ts'
import { parseManifest } from '../oci/manifest.ts'
import { isIndexType, mediaTypes } from '../oci/media-types.ts'
import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/types.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import type { ContentStore } from '../store/content.ts'
import type { Roots } from '../store/gc.ts'
import { readManifestImage } from './image-documents.ts'
import type { ImageRecords } from './image-records.ts'
import { chainIds } from './unpack-layers.ts'

/** What garbage collection must keep for images: their documents, blobs of their layers, and the stacks that are unpacked of them. */
export async function imageRoots(records: ImageRecords, content: ContentStore, snapshots: Snapshotter): Promise<Roots> {
  const blobs = new Set<Digest>()
  const stacks = new Set<number>()
  for (const { target } of records.refs()) {
    blobs.add(target.digest)
    for (const digest of await documentsBelow(content, target)) blobs.add(digest)
  }
  for (const { manifest, id } of records.images()) {
    blobs.add(manifest).add(id)
    const descriptor = { mediaType: mediaTypes.ociManifest, digest: manifest, size: content.size(manifest) ?? 0 }
    const image = await readManifestImage(content, descriptor, descriptor)
    if (image === undefined) continue
    for (const layer of image.manifest.layers) blobs.add(layer.digest)
    // Forms of our own layers that were packed for a push or a save: packing them again would be the dearer way to save room.
    for (const diffId of image.config.rootfs.diff_ids) {
      for (const packed of records.layerBlobs(diffId)) blobs.add(packed.descriptor.digest)
    }
    const chains = chainIds(image.config.rootfs.diff_ids.map((diffId) => ({ diffId })))
    const top = chains.findLast((chain) => snapshots.byChain(chain) !== undefined)
    if (top !== undefined) stacks.add(snapshots.byChain(top)!.id)
  }
  return { blobs, snapshots: stacks }
}

/** Manifests and nested indexes that an index names; those of other platforms may be here without an image of their own. */
export async function documentsBelow(content: ContentStore, target: Descriptor): Promise<readonly Digest[]> {
  if (!isIndexType(target.mediaType) || content.size(target.digest) === undefined) return []
  try {
    const document = parseManifest(await content.read(target.digest), target.mediaType, `index ${target.digest}`)
    return document.kind === 'index' ? document.index.manifests.map(({ digest }) => digest) : []
  } catch (error) {
    if (hasCode(error, 'MANIFEST_INVALID', 'STORE_CORRUPT')) return []
    throw error
  }
}
