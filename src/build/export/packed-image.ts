import { outgoingLayers } from '../../image/packed-layers.ts'
import type { LayerCompression, PackTools } from '../../image/packed-layers.ts'
import type { LocalImage } from '../../image/image-service.ts'
import { sha256 } from '../../oci/digest.ts'
import { encodeManifest } from '../../oci/manifest.ts'
import { convertType, mediaTypes } from '../../oci/media-types.ts'
import type { Family } from '../../oci/media-types.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Descriptor, Index, Manifest } from '../../oci/types.ts'
import { annotationsFor } from '../options/annotation-option.ts'
import type { Annotation } from '../options/annotation-option.ts'

/**
 * Packs the layers of an image that has just been made, so that its manifest says what a registry will hold: needed where the
 * manifest's digest must be known before a push (an index, a push by digest).
 */
export async function packImage(
  tools: PackTools,
  image: LocalImage,
  compression: LayerCompression,
  signal: AbortSignal,
): Promise<LocalImage> {
  const layers = await Promise.all(outgoingLayers(tools, image, compression).map((layer) => layer.pack(signal)))
  const manifest: Manifest = { ...image.manifest, layers }
  const text = encodeManifest(manifest)
  const digest = await tools.store.content.put(text)
  const descriptor: Descriptor = { mediaType: manifest.mediaType, digest, size: Buffer.byteLength(text) }
  tools.store.db.transaction(() => {
    if (digest !== image.manifestDescriptor.digest) tools.records.removeImage(image.manifestDescriptor.digest)
    tools.records.addImage(digest, image.id)
  })
  return { ...image, target: descriptor, manifestDescriptor: descriptor, manifest }
}

export interface IndexRequest {
  /** Images whose layers are packed, one for each platform. */
  readonly images: readonly LocalImage[]
  readonly format: Family
  readonly annotations: readonly Annotation[]
}

/** Writes the index of several platforms and gives its descriptor. */
export async function writeIndex(
  { store }: PackTools,
  { images, format, annotations }: IndexRequest,
): Promise<Descriptor> {
  const own = annotationsFor(annotations, 'index')
  const index: Index = {
    schemaVersion: 2,
    mediaType: convertType(mediaTypes.ociIndex, format),
    manifests: images.map(({ manifestDescriptor, config }) => {
      const { os, architecture, variant } = config
      const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) }
      const below = annotationsFor(annotations, 'manifest-descriptor', platform)
      return { ...manifestDescriptor, platform, ...(below === undefined ? {} : { annotations: below }) }
    }),
    ...(own === undefined ? {} : { annotations: own }),
  }
  const text = JSON.stringify(index)
  await store.content.put(text)
  return { mediaType: index.mediaType, digest: sha256(text), size: Buffer.byteLength(text) }
}

/** Folder name of a platform: `linux_amd64`. */
export function platformFolder(image: Pick<LocalImage, 'config'>): string {
  return formatPlatform(image.config).replaceAll('/', '_')
}
