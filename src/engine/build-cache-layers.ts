import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cacheMountRecords } from '../build/ops/cache-mount-records.ts'
import type { BuildPlan } from '../build/plan/request.ts'
import type { CachedMount } from '../build/remote-cache/cache-document.ts'
import { walkVertices } from '../build/solver/vertex.ts'
import type { LayerCompression } from '../image/packed-layers.ts'
import { recompressLayer } from '../image/recompress.ts'
import { packLayer } from '../layer/layer-store.ts'
import type { DiffId } from '../oci/digest.ts'
import { convertType, layerCompression, layerType } from '../oci/media-types.ts'
import type { Descriptor } from '../oci/types.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import type { Engine } from './engine.ts'

/**
 * The blob of a layer for a cache: one of the wanted compression that is in the store, else one of any compression unless `force`, else
 * it is packed from its files, or compressed anew where it came as a blob.
 */
export async function packCacheLayer(
  { store, native, snapshots, imageRecords }: Engine,
  { id, diffId }: Snapshot,
  compression: LayerCompression,
  signal: AbortSignal,
): Promise<Descriptor> {
  const here = imageRecords
    .layerBlobs(diffId)
    .map(({ descriptor }) => descriptor)
    .filter(({ digest }) => store.content.size(digest) !== undefined)
  const fitting = here.find(({ mediaType }) => layerCompression(mediaType) === compression.kind)
  const [any] = here
  const known = fitting ?? (compression.force === true ? undefined : any)
  if (known !== undefined) return ociForm(known)
  if (any !== undefined) {
    const made = await recompressLayer(store.content, any, { ...compression, diffId, signal })
    imageRecords.addLayerBlob({ diffId, descriptor: made })
    return ociForm(made)
  }
  const { kind, level } = compression
  const packed = await packLayer(native, store.content, snapshots.layer(id), {
    compression: kind,
    ...(level === undefined ? {} : { level }),
    threads: availableParallelism(),
    diffId,
    signal,
  })
  const descriptor = { mediaType: layerType('oci', kind), digest: packed.digest, size: packed.size }
  imageRecords.addLayerBlob({ diffId, descriptor })
  return descriptor
}

/** Registries with a strict schema refuse manifests that mix families of types. */
function ociForm({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType: convertType(mediaType, 'oci'), digest, size }
}

/** What the steps call their cache mounts. */
export function cacheMountIds(plans: readonly BuildPlan[]): ReadonlySet<string> {
  const steps = [...walkVertices(plans.map(({ target }) => target))]
  const mounts = steps.flatMap(({ op }) => (op.kind === 'exec' ? op.mounts : []))
  return new Set(mounts.flatMap((mount) => (mount.kind === 'cache' ? [mount.id] : [])))
}

/** The cache mounts of these ids, each as one tar; what changes them meanwhile makes the tar a mix, as with any copy of a directory in use. */
export async function packMounts(
  { store, native }: Engine,
  ids: ReadonlySet<string>,
  { kind, level = kind === 'gzip' ? 6 : 3 }: LayerCompression,
  signal: AbortSignal,
): Promise<readonly CachedMount[]> {
  const mounts: CachedMount[] = []
  for (const { key, name, directory } of cacheMountRecords(store).entries()) {
    if (!ids.has(name)) continue
    await using file = await store.content.scratch()
    const answer = await native.call(
      'pack',
      {
        tree: { kind: 'layers', lower: [join(store.root, 'caches', directory, 'data')] },
        out: file.path,
        compression: { kind, level, threads: availableParallelism() },
        expect: null,
      },
      { signal },
    )
    const { digest, size } = answer['blob'] as { readonly digest: DiffId; readonly size: number }
    await file.adopt(digest, size)
    const blob = { mediaType: layerType('oci', kind), digest, size }
    mounts.push({ id: key, diffId: answer['diffId'] as DiffId, blob })
  }
  return mounts
}
