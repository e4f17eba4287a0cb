import { sha256 } from '../oci/digest.ts'
import { encodeManifest } from '../oci/manifest.ts'
import { convertType, layerType, mediaTypes } from '../oci/media-types.ts'
import type { Family } from '../oci/media-types.ts'
import type { Descriptor, Manifest } from '../oci/types.ts'
import type { Snapshot, Snapshotter } from '../snapshot/snapshotter.ts'
import type { Store } from '../store/store.ts'
import { tagName } from './find-image.ts'
import type { ImageRecords } from './image-records.ts'
import type { LocalImage, NewImage } from './image-service.ts'

/**
 * Writes config and manifest of an image made here and moves its names to it, in one transaction. A layer that came from a
 * registry keeps its descriptor; one of our own is named as the uncompressed tar that its DiffID promises, and becomes a blob when
 * it is pushed or saved.
 */
export async function createImage(
  store: Store,
  snapshots: Snapshotter,
  records: ImageRecords,
  image: NewImage,
): Promise<LocalImage> {
  const config = JSON.stringify(image.config)
  const id = await store.content.put(config)
  const chain = image.top === null ? [] : snapshots.chain(image.top.id)
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: convertType(mediaTypes.ociManifest, image.format),
    config: { mediaType: convertType(mediaTypes.ociConfig, image.format), digest: id, size: Buffer.byteLength(config) },
    layers: chain.map((snapshot) => layerDescriptor(store, records, snapshot, image.format)),
    ...(image.annotations === undefined ? {} : { annotations: image.annotations }),
  }
  const text = encodeManifest(manifest)
  await store.content.put(text)
  const manifestDescriptor: Descriptor = {
    mediaType: manifest.mediaType,
    digest: sha256(text),
    size: Buffer.byteLength(text),
  }
  store.db.transaction(() => {
    records.addImage(manifestDescriptor.digest, id)
    for (const name of image.names) records.setRef(tagName(name), manifestDescriptor)
  })
  return { id, target: manifestDescriptor, manifestDescriptor, manifest, config: image.config }
}

function layerDescriptor(store: Store, records: ImageRecords, snapshot: Snapshot, family: Family): Descriptor {
  const kept = records
    .layerBlobs(snapshot.diffId)
    .find(({ descriptor }) => store.content.size(descriptor.digest) !== undefined)
  if (kept === undefined) return { mediaType: layerType(family, 'none'), digest: snapshot.diffId, size: snapshot.size }
  return { ...kept.descriptor, mediaType: convertType(kept.descriptor.mediaType, family) }
}
