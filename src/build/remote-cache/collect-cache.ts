import type { Digest } from '../../oci/digest.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { Snapshot, SnapshotId } from '../../snapshot/snapshotter.ts'
import type { CacheRecord } from '../solver/cache.ts'
import type { CacheDocument, CachedLayer, CachedMount, CachedStep } from './cache-document.ts'

export interface CollectRequest {
  /** The records of all steps of a build. */
  readonly records: readonly CacheRecord[]
  /** Tops of the results, whose layers go along in any mode. */
  readonly results: readonly SnapshotId[]
  /** `min`: files of the results alone; `max`: of every step. Knowledge of all steps goes along in both. */
  readonly mode: 'min' | 'max'
  readonly mounts: readonly CachedMount[]
  /** The stack of an identity, base first; undefined when its files are not here. */
  readonly chainOf: (identity: string) => readonly Snapshot[] | undefined
  /** Packs a layer; gives the descriptor of a blob that is in the store. */
  readonly pack: (snapshot: Snapshot) => Promise<Descriptor>
}

/** Makes the document of a cache and packs the layers that it carries. */
export async function collectCache(request: CollectRequest): Promise<CacheDocument> {
  const { records, mode, chainOf, pack } = request
  const carried = new Set<SnapshotId>()
  const layers: CachedLayer[] = []
  const indexes = new Map<SnapshotId, number>()

  async function add(snapshot: Snapshot, parent: number): Promise<number> {
    const known = indexes.get(snapshot.id)
    if (known !== undefined) return known
    const blob = mode === 'max' || carried.has(snapshot.id) ? { blob: await pack(snapshot) } : {}
    layers.push({ diffId: snapshot.diffId, parent, ...blob })
    indexes.set(snapshot.id, layers.length - 1)
    return layers.length - 1
  }

  const stacks = records.flatMap((record) => {
    const chain = chainOf(record.identity)
    return chain === undefined ? [] : [{ record, chain }]
  })
  const results = new Set(request.results)
  for (const { chain } of stacks) {
    if (chain.some(({ id }) => results.has(id)))
      for (const { id } of chain.slice(0, lastOf(chain, results) + 1)) carried.add(id)
  }
  const steps: CachedStep[] = []
  for (const { record, chain } of stacks) {
    let layer = -1
    for (const snapshot of chain) layer = await add(snapshot, layer)
    const { definitionKey, contentKey, kind, name, facts, inputs, createdAt } = record
    steps.push({
      definitionKey,
      ...(contentKey === undefined ? {} : { contentKey }),
      kind,
      name,
      facts,
      inputs,
      layer,
      createdAt,
    })
  }
  return { version: 1, layers, steps, mounts: request.mounts }
}

function lastOf(chain: readonly Snapshot[], results: ReadonlySet<SnapshotId>): number {
  return chain.findLastIndex(({ id }) => results.has(id))
}

/** Every blob of a document, each once. */
export function blobsOf({ layers, mounts }: CacheDocument): readonly Descriptor[] {
  const blobs = new Map<Digest, Descriptor>()
  for (const blob of [...layers.flatMap((layer) => layer.blob ?? []), ...mounts.map((mount) => mount.blob)])
    blobs.set(blob.digest, blob)
  return [...blobs.values()]
}
