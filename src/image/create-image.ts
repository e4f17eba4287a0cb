import { encodeManifest } from '../oci/manifest.ts'
import { convertType, layerType, mediaTypes } from '../oci/media-types.ts'
import type { Family } from '../oci/media-types.ts'
import type { Descriptor, Manifest } from '../oci/types.ts'
import type { Snapshot, Snapshotter } from '../snapshot/snapshotter.ts'
import type { ContentStore } from '../store/content.ts'
import type { Store } from '../store/store.ts'
import { tagName } from './find-image.ts'
import type { ImageRecords } from './image-records.ts'
import type { LocalImage, NewImage } from './image-service.ts'

export interface DescribeTools {
  readonly content: ContentStore
  readonly snapshots: Snapshotter
  readonly records: ImageRecords
}

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
  const made = await describeImage({ content: store.content, snapshots, records }, image)
  store.db.transaction(() => {
    records.addImage(made.manifestDescriptor.digest, made.id)
    for (const name of image.names) records.setRef(tagName(name), made.target)
  })
  return made
}

/** The documents alone, put into `content`: an image that has no record and no name. */
export async function describeImage(
  { content, snapshots, records }: DescribeTools,
  image: Omit<NewImage, 'names'>,
): Promise<LocalImage> {
  const config = JSON.stringify(image.config)
  const id = await content.put(config)
  const chain = image.top === null ? [] : snapshots.chain(image.top.id)
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: convertType(mediaTypes.ociManifest, image.format),
    config: { mediaType: convertType(mediaTypes.ociConfig, image.format), digest: id, size: Buffer.byteLength(config) },
    layers: chain.map((snapshot) => layerDescriptor(content, records, snapshot, image.format)),
    ...(image.annotations === undefined ? {} : { annotations: image.annotations }),
  }
  const text = encodeManifest(manifest)
  const digest = await content.put(text)
  const descriptor: Descriptor = { mediaType: manifest.mediaType, digest, size: Buffer.byteLength(text) }
  return { id, target: descriptor, manifestDescriptor: descriptor, manifest, config: image.config }
}

function layerDescriptor(content: ContentStore, records: ImageRecords, snapshot: Snapshot, family: Family): Descriptor {
  const kept = records
    .layerBlobs(snapshot.diffId)
    .find(({ descriptor }) => content.size(descriptor.digest) !== undefined)
  if (kept === undefined) return { mediaType: layerType(family, 'none'), digest: snapshot.diffId, size: snapshot.size }
  return { ...kept.descriptor, mediaType: convertType(kept.descriptor.mediaType, family) }
}
