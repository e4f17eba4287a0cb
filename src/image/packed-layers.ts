import { availableParallelism } from 'node:os'
import { TsbuildError } from '../base/errors.ts'
import { createLimiter } from '../base/limiter.ts'
import type { NativeCore, Tree } from '../host/native.ts'
import { packLayer } from '../layer/layer-store.ts'
import { shortId } from '../oci/digest.ts'
import type { ChainId, DiffId } from '../oci/digest.ts'
import { familyOf, layerCompression, layerType } from '../oci/media-types.ts'
import type { Compression } from '../oci/media-types.ts'
import type { Descriptor } from '../oci/types.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import type { Store } from '../store/store.ts'
import type { ImageRecords } from './image-records.ts'
import type { LocalImage } from './image-service.ts'
import { recompressLayer } from './recompress.ts'
import { streamLayer } from './stream-layer.ts'
import { chainIds } from './unpack-layers.ts'

export interface PackTools {
  readonly store: Store
  readonly snapshots: Snapshotter
  readonly native: NativeCore
  readonly records: ImageRecords
}

/** How layers of our own are compressed when they leave the store. */
export interface LayerCompression {
  readonly kind: Compression
  /** The compressor's own scale; its default without it. */
  readonly level?: number
  /** Compress anew although a form of the layer is known. */
  readonly force?: boolean
}

/** A layer of a local image on its way out. */
export interface OutgoingLayer {
  readonly diffId: DiffId
  /** As the local manifest names it. */
  readonly local: Descriptor
  /**
   * What is known of its packed form without work: the blob may or may not be in the store. Undefined: it must be packed.
   */
  readonly known: Descriptor | undefined
  /** Gives the descriptor of a blob that is in the store, packing the snapshot where needed. BLOB_MISSING when neither is here. */
  pack(signal: AbortSignal, onProgress?: (done: number, total: number) => void): Promise<Descriptor>
  /** The uncompressed tar of a layer of our own, straight from its files. STORE_CORRUPT at its end when the DiffID does not come out. */
  stream(signal: AbortSignal): AsyncIterable<Uint8Array>
}

/** Packing keeps several cores busy by itself; two at once fill the gaps at the ends. */
const packJobs = 2

/**
 * The layers of an image as a registry or an archive can take them. Layers from a registry keep their blob and descriptor; our own are
 * packed from their snapshots when asked for, and the result is remembered.
 */
export function outgoingLayers(
  tools: PackTools,
  image: LocalImage,
  compression: LayerCompression,
): readonly OutgoingLayer[] {
  const limiter = createLimiter(packJobs)
  const diffIds = image.config.rootfs.diff_ids
  const chains = chainIds(diffIds.map((diffId) => ({ diffId })))
  return image.manifest.layers.map((local, at) => {
    const diffId = diffIds[at]
    const chain = chains[at]
    if (diffId === undefined || chain === undefined)
      throw new TsbuildError('MANIFEST_INVALID', `Cannot use image ${shortId(image.id)}: layer ${at} has no DiffID`)
    const known = knownForm(tools, local, diffId, compression)
    return {
      diffId,
      local,
      known,
      pack: (signal, onProgress) =>
        known !== undefined && tools.store.content.size(known.digest) !== undefined
          ? Promise.resolve(known)
          : limiter.run(() => packOutgoing(tools, local, diffId, chain, compression, signal, onProgress), signal),
      stream: (signal) => streamLayer(tools.native, layerTree(tools, diffId, chain), diffId, signal),
    }
  })
}

/** True for a layer made here, which the local manifest names as the uncompressed tar that its DiffID promises. */
function isOwn(tools: PackTools, local: Descriptor, diffId: DiffId): boolean {
  return local.digest === diffId && tools.store.content.size(local.digest) === undefined
}

function knownForm(
  tools: PackTools,
  local: Descriptor,
  diffId: DiffId,
  compression: LayerCompression,
): Descriptor | undefined {
  if (compression.force !== true && !isOwn(tools, local, diffId)) return local
  const fits = tools.records
    .layerBlobs(diffId)
    .map(({ descriptor }) => descriptor)
    .filter(({ mediaType }) => layerCompression(mediaType) === compression.kind)
  const present = fits.find(({ digest }) => tools.store.content.size(digest) !== undefined)
  const form = present ?? fits[0]
  return form === undefined ? undefined : { ...form, mediaType: layerType(familyOf(local.mediaType), compression.kind) }
}

async function packOutgoing(
  tools: PackTools,
  local: Descriptor,
  diffId: DiffId,
  chain: ChainId,
  compression: LayerCompression,
  signal: AbortSignal,
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<Descriptor> {
  if (!isOwn(tools, local, diffId)) {
    if (tools.store.content.size(local.digest) === undefined) throw missing(diffId)
    const made = await recompressLayer(tools.store.content, local, { ...compression, diffId, signal })
    tools.records.addLayerBlob({ diffId, descriptor: made })
    return made
  }
  const packed = await packLayer(tools.native, tools.store.content, layerTree(tools, diffId, chain), {
    compression: compression.kind,
    ...(compression.level === undefined ? {} : { level: compression.level }),
    threads: availableParallelism(),
    diffId,
    signal,
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  const mediaType = layerType(familyOf(local.mediaType), compression.kind)
  const descriptor = { mediaType, digest: packed.digest, size: packed.size }
  tools.records.addLayerBlob({ diffId, descriptor })
  return descriptor
}

/** The files of one layer of ours. */
function layerTree(tools: PackTools, diffId: DiffId, chain: ChainId): Tree {
  const snapshot = tools.snapshots.byChain(chain)
  if (snapshot !== undefined) return tools.snapshots.layer(snapshot.id)
  throw missing(diffId)
}

function missing(diffId: DiffId): TsbuildError {
  return new TsbuildError(
    'BLOB_MISSING',
    `Cannot pack layer ${shortId(diffId)}: neither its blob nor its files are in the store`,
    { hint: 'Pull or build the image again' },
  )
}
