import type { Emit } from '../../base/events.ts'
import { describeImage } from '../../image/create-image.ts'
import type { LocalImage } from '../../image/image-service.ts'
import type { LayerCompression, PackTools } from '../../image/packed-layers.ts'
import { outgoingLayers } from '../../image/packed-layers.ts'
import { encodeManifest } from '../../oci/manifest.ts'
import { convertType, mediaTypes } from '../../oci/media-types.ts'
import type { Family } from '../../oci/media-types.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Descriptor, ImageConfig, Index, Manifest } from '../../oci/types.ts'
import { annotationsFor } from '../options/annotation-option.ts'
import type { Annotation } from '../options/annotation-option.ts'
import type { Result } from '../solver/operation.ts'

/** What came out for one platform. */
export interface BuiltPlatform {
  readonly config: ImageConfig
  readonly top: Result
  /** SOURCE_DATE_EPOCH in seconds. */
  readonly epoch?: number
}

/** A build's result as an image. Its documents are in the content store that made it; it has no records and no names. */
export interface ResultImage {
  /** One for each platform. */
  readonly images: readonly LocalImage[]
  /** The manifest, or the index of several platforms. */
  readonly target: Descriptor
}

export interface ResultImageRequest {
  readonly format: Family
  readonly compression: LayerCompression
  readonly annotations: readonly Annotation[]
  /**
   * Layers are packed, so that the manifest says what leaves the store. Without it our own are named as the tars that their DiffIDs
   * promise; those of an index are packed in any case.
   */
  readonly packed: boolean
}

export interface ResultImageOptions {
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Makes the image: one platform is a plain manifest, several are an index. */
export async function resultImage(
  tools: PackTools,
  built: readonly BuiltPlatform[],
  request: ResultImageRequest,
  options: ResultImageOptions,
): Promise<ResultImage> {
  const { format, compression, annotations } = request
  const images: LocalImage[] = []
  for (const { config, top } of built) {
    const own = annotationsFor(annotations, 'manifest', config)
    const image = await describeImage(
      { content: tools.store.content, snapshots: tools.snapshots, records: tools.records },
      { config, top, format, ...(own === undefined ? {} : { annotations: own }) },
    )
    images.push(request.packed || built.length > 1 ? await packImage(tools, image, compression, options) : image)
  }
  const [single] = images
  if (images.length === 1 && single !== undefined) return { images, target: single.target }
  const target = await writeIndex(tools, images, format, annotations)
  return { images: images.map((image) => ({ ...image, target })), target }
}

async function packImage(
  tools: PackTools,
  image: LocalImage,
  compression: LayerCompression,
  { emit, signal }: ResultImageOptions,
): Promise<LocalImage> {
  const layers = await Promise.all(
    outgoingLayers(tools, image, compression).map((layer) =>
      layer.pack(signal, (done, total) =>
        emit({ kind: 'transfer', parent: '', item: layer.diffId, phase: 'extracting', done, total }),
      ),
    ),
  )
  const manifest: Manifest = { ...image.manifest, layers }
  const text = encodeManifest(manifest)
  const digest = await tools.store.content.put(text)
  const descriptor: Descriptor = { mediaType: manifest.mediaType, digest, size: Buffer.byteLength(text) }
  return { ...image, target: descriptor, manifestDescriptor: descriptor, manifest }
}

async function writeIndex(
  { store }: PackTools,
  images: readonly LocalImage[],
  format: Family,
  annotations: readonly Annotation[],
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
  const digest = await store.content.put(text)
  return { mediaType: index.mediaType, digest, size: Buffer.byteLength(text) }
}

/** Folder name of a platform: `linux_amd64`. */
export function platformFolder(image: Pick<LocalImage, 'config'>): string {
  return formatPlatform(image.config).replaceAll('/', '_')
}
