import { join } from 'node:path'
import { containerRoots } from '../container/roots.ts'
import { cacheMountRecords } from '../build/ops/cache-mount-records.ts'
import { cacheRecords } from '../build/solver/cache-records.ts'
import type { CacheRecords } from '../build/solver/cache-records.ts'
import { identityOf } from '../build/solver/operation.ts'
import { imageRoots } from '../image/image-roots.ts'
import type { ChainId } from '../oci/digest.ts'
import type { SnapshotId } from '../snapshot/snapshotter.ts'
import type { Engine } from './engine.ts'

/** Something that the build cache keeps on the disk. */
export interface CacheItem {
  /** `12` is a layer, `mount-3` a cache mount. */
  readonly id: string
  readonly kind: 'layer' | 'mount'
  /** What made it, or the mount's id. */
  readonly description: string
  /** Bytes on the disk. */
  readonly size: number
  readonly createdAt: number
  readonly usedAt: number
  readonly uses: number
  /** A running build uses it. */
  readonly inUse: boolean
  /** An image or a container needs the layer as well: removing it from the cache frees nothing. */
  readonly shared: boolean
}

/** The cache records of an engine, for the build of that name. */
export function engineCacheRecords({ store, snapshots }: Engine, build = ''): CacheRecords {
  return cacheRecords({
    db: store.db,
    find: (id) => snapshots.find(id),
    byIdentity: (identity) => (identity === identityOf(null) ? null : snapshots.byChain(identity as ChainId)),
    claim: (key, signal) => store.lease.claim(key, signal),
    build,
    now: Date.now,
  })
}

/** Everything in the build cache, in the order in which it should go: least recently used first. A layer that several records name is one item. */
export async function cacheItems(engine: Engine): Promise<readonly CacheItem[]> {
  const records = engineCacheRecords(engine)
  await measureLayers(engine, records)
  await measureMounts(engine)
  const shared = await sharedSnapshots(engine)
  const layers = new Map<SnapshotId, CacheItem>()
  for (const entry of records.entries()) {
    if (entry.snapshot === undefined) continue
    const known = layers.get(entry.snapshot)
    // Entries come by use, so the last one tells when the layer was used.
    layers.delete(entry.snapshot)
    layers.set(entry.snapshot, {
      id: String(entry.snapshot),
      kind: 'layer',
      description: entry.name,
      size: entry.disk ?? 0,
      createdAt: Math.min(entry.createdAt, known?.createdAt ?? Infinity),
      usedAt: entry.usedAt,
      uses: entry.uses + (known?.uses ?? 0),
      inUse: false,
      shared: shared.has(entry.snapshot),
    })
  }
  const mounts = cacheMountRecords(engine.store)
    .entries()
    .map(({ id, name, size, createdAt, usedAt, uses, inUse }): CacheItem => {
      return {
        id: `mount-${id}`,
        kind: 'mount',
        description: name,
        size,
        createdAt,
        usedAt,
        uses,
        inUse,
        shared: false,
      }
    })
  // Of layers used at one time the upper ones come first: a layer is only freed after those that stand on it.
  const upperFirst = [...layers.values()].sort((a, b) => Number(b.id) - Number(a.id))
  return [...mounts, ...upperFirst].sort((a, b) => a.usedAt - b.usedAt)
}

async function measureLayers({ native, store }: Engine, records: CacheRecords): Promise<void> {
  const unknown = [
    ...new Set(
      records
        .entries()
        .flatMap(({ snapshot, disk }) => (snapshot !== undefined && disk === undefined ? [snapshot] : [])),
    ),
  ]
  const bytes = await usage(
    native,
    unknown.map((id) => join(store.paths.snapshots, String(id))),
  )
  store.db.transaction(() => unknown.forEach((id, at) => records.setDisk(id, bytes[at] ?? 0)))
}

async function measureMounts({ native, store }: Engine): Promise<void> {
  const records = cacheMountRecords(store)
  const mounts = records.entries()
  const bytes = await usage(
    native,
    mounts.map(({ directory }) => join(store.root, 'caches', directory)),
  )
  store.db.transaction(() => mounts.forEach(({ id }, at) => records.setSize(id, bytes[at] ?? 0)))
}

async function usage(native: Engine['native'], paths: readonly string[]): Promise<readonly number[]> {
  if (paths.length === 0) return []
  const { bytes } = await native.call('usage', { paths })
  return Array.isArray(bytes) ? bytes.map(Number) : []
}

/** Layers that images and containers stand on. */
async function sharedSnapshots(engine: Engine): Promise<ReadonlySet<number>> {
  const { store, snapshots, imageRecords } = engine
  const roots = [
    ...(await imageRoots(imageRecords, store.content, snapshots)).snapshots,
    ...containerRoots(store.db).snapshots,
  ] as SnapshotId[]
  return new Set(roots.flatMap((id) => snapshots.chain(id).map((snapshot) => snapshot.id)))
}
