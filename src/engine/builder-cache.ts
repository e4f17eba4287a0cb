import { join } from 'node:path'
import { containerRoots } from '../container/roots.ts'
import { cacheMountRecords } from '../build/ops/cache-mount-records.ts'
import { cacheRecords } from '../build/solver/cache-records.ts'
import type { CacheRecords } from '../build/solver/cache-records.ts'
import { identityOf } from '../build/solver/operation.ts'
import { imageRoots } from '../image/image-roots.ts'
import type { ChainId, Digest } from '../oci/digest.ts'
import type { Snapshot, SnapshotId } from '../snapshot/snapshotter.ts'
import type { Engine } from './engine.ts'

/** Something that the build cache keeps on the disk. */
export interface CacheItem {
  /** `12` is a layer, `mount-3` a cache mount. */
  readonly id: string
  readonly kind: 'layer' | 'mount'
  /** What made it, or the mount's id. */
  readonly description: string
  /** Bytes on the disk: files, and forms that were packed for a push or an archive. */
  readonly size: number
  readonly createdAt: number
  readonly usedAt: number
  readonly uses: number
  /** A running build uses it. */
  readonly inUse: boolean
  /** An image or a container needs the layer as well: removing it from the cache frees nothing. */
  readonly shared: boolean
  /** The layer that it stands on. */
  readonly parent?: string
  /** False for a layer that is here only because others stand on it. */
  readonly recorded: boolean
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

/**
 * Everything in the build cache, in the order in which it should go: least recently used first. A layer that several records name is
 * one item; one that others stand on was used when they were.
 */
export async function cacheItems(engine: Engine): Promise<readonly CacheItem[]> {
  const records = engineCacheRecords(engine)
  await measureLayers(engine, records)
  await measureMounts(engine)
  const layers = await cachedLayers(engine, records)
  const mounts = cacheMountRecords(engine.store)
    .entries()
    .map(({ id, name, size, createdAt, usedAt, uses, inUse }): CacheItem => {
      const rest = { size, createdAt, usedAt, uses, inUse, shared: false, recorded: true }
      // The id follows the slash behind a namespace, which is mostly empty.
      return { id: `mount-${id}`, kind: 'mount', description: name.replace(/^\//, ''), ...rest }
    })
  return [...mounts, ...layers].sort((a, b) => a.usedAt - b.usedAt)
}

/** The layers of all records and those below, upper ones before those that they stand on. */
async function cachedLayers(engine: Engine, records: CacheRecords): Promise<readonly CacheItem[]> {
  const { snapshots } = engine
  const kept = await imageNeeds(engine)
  const known = new Map(records.layers().map((layer) => [layer.snapshot, layer]))
  const found = snapshots.standOn([...known.keys()])
  const lastUse = new Map<SnapshotId, number>()
  return found.toReversed().map((snapshot): CacheItem => {
    const { id, parent } = snapshot
    const layer = known.get(id)
    const usedAt = Math.max(lastUse.get(id) ?? 0, layer?.usedAt ?? 0)
    if (parent !== null) lastUse.set(parent, Math.max(lastUse.get(parent) ?? 0, usedAt))
    // Layers of images keep the blobs that they came as only with their image.
    const packed = layer === undefined || layer.pulled ? 0 : packedBytes(engine, snapshot, kept.blobs)
    return {
      id: String(id),
      kind: 'layer',
      description: layer?.name ?? 'layer of a base image',
      size: (layer?.disk ?? snapshot.bytes) + packed,
      createdAt: Math.min(layer?.createdAt ?? usedAt, usedAt),
      usedAt,
      uses: layer?.uses ?? 0,
      inUse: false,
      shared: kept.snapshots.has(id),
      ...(parent === null ? {} : { parent: String(parent) }),
      recorded: layer !== undefined,
    }
  })
}

/** Bytes of the forms of a layer that no image keeps. */
function packedBytes({ store, imageRecords }: Engine, { diffId }: Snapshot, kept: ReadonlySet<Digest>): number {
  const forms = imageRecords.layerBlobs(diffId).filter(({ descriptor }) => !kept.has(descriptor.digest))
  return forms.reduce((sum, { descriptor }) => sum + (store.content.size(descriptor.digest) ?? 0), 0)
}

/** Packed forms of layers that the cache holds: packing them again would be the dearer way to save room. */
export function cachedBlobs({ store }: Engine): readonly Digest[] {
  return store.db
    .all<{ digest: Digest }>(
      `SELECT DISTINCT layer_blobs.digest AS digest FROM layer_blobs
       JOIN snapshots ON snapshots.diff_id = layer_blobs.diff_id
       JOIN cache_records ON cache_records.snapshot = snapshots.id
       WHERE cache_records.kind <> 'image'`,
    )
    .map(({ digest }) => digest)
}

async function measureLayers({ native, store }: Engine, records: CacheRecords): Promise<void> {
  const unknown = records.unmeasured()
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

/** Layers that images and containers stand on, and the blobs of images. */
async function imageNeeds(
  engine: Engine,
): Promise<{ readonly snapshots: ReadonlySet<number>; readonly blobs: ReadonlySet<Digest> }> {
  const { store, snapshots } = engine
  const images = await imageRoots(store)
  const tops = [...images.snapshots(), ...containerRoots(store.db).snapshots] as SnapshotId[]
  return {
    snapshots: new Set(snapshots.standOn(tops).map(({ id }) => id)),
    blobs: new Set(images.blobs()),
  }
}
