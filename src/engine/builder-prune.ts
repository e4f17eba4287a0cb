import { readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { makerClaim } from '../build/ops/cache-mounts.ts'
import { cacheMountRecords } from '../build/ops/cache-mount-records.ts'
import { cacheItems, engineCacheRecords } from './builder-cache.ts'
import type { CacheItem } from './builder-cache.ts'
import { cacheFilter } from './builder-filter.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface BuilderPruneRequest {
  /** Layers that images need are forgotten as well; their files stay with the image. */
  readonly all: boolean
  readonly filters: readonly string[]
  /** What may stay; absent: nothing has to. */
  readonly keep?: KeepSpace
}

/** Bounds of what a prune leaves, in bytes, as BuildKit has them. */
export interface KeepSpace {
  /** The cache is not made smaller than this. */
  readonly reserved?: number
  /** The cache is made no larger than this. */
  readonly max?: number
  /** So much of the disk shall be free. */
  readonly minFree?: number
}

export interface BuilderPruneResult {
  /** What was removed, in the order of its last use. */
  readonly removed: readonly CacheItem[]
  /** Bytes of the disk that are free now. */
  readonly bytes: number
}

/** Empties the build cache, least recently used first, as far as `keep` wants. What a running build uses stays. USAGE for an unknown filter. */
export async function builderPrune(
  engine: Engine,
  request: BuilderPruneRequest,
  { signal }: Pick<VerbContext, 'signal'>,
): Promise<BuilderPruneResult> {
  const fits = cacheFilter(request.filters, Date.now())
  const items = await cacheItems(engine)
  const space = cacheSpace(items)
  const keep = request.keep === undefined ? undefined : await bytesToKeep(engine, request.keep, space.total())
  const removed: CacheItem[] = []
  for (const item of items) {
    if (keep !== undefined && space.total() <= keep) break
    if (!item.recorded || item.inUse || (item.shared && !request.all) || !fits(item)) continue
    if (!evict(engine, item, request.all)) continue
    removed.push(item)
    space.remove(item)
  }
  if (request.all && request.filters.length === 0 && keep === undefined) forgetKnowledge(engine)
  const freed = new Set((await collectGarbage(engine)).snapshots.map(({ id }) => String(id)))
  await sweepFolders(engine, signal)
  const gone = [...items.filter(({ id }) => freed.has(id)), ...removed.filter(({ kind }) => kind === 'mount')]
  return { removed, bytes: gone.reduce((sum, item) => sum + item.size, 0) }
}

/** The least of the bounds, but what is reserved stays. */
async function bytesToKeep(
  { store }: Engine,
  { reserved = 0, max, minFree }: KeepSpace,
  total: number,
): Promise<number> {
  const { bavail, bsize } = await statfs(store.root)
  const excess = minFree === undefined ? 0 : minFree - bavail * bsize
  const bound = max ?? (minFree === undefined ? reserved : total)
  return Math.max(reserved, excess > 0 ? Math.min(bound, total - excess) : bound)
}

/** What the cache alone takes of the disk, while items go: a layer is free when nothing stands on it any more. */
function cacheSpace(items: readonly CacheItem[]): { total(): number; remove(item: CacheItem): void } {
  const byId = new Map(items.map((item) => [item.id, item]))
  // Of each layer: its record, and those that stand on it.
  const users = new Map(items.map(({ id, recorded }) => [id, recorded ? 1 : 0]))
  for (const { parent } of items) if (parent !== undefined) users.set(parent, (users.get(parent) ?? 0) + 1)
  let total = items.reduce((sum, { shared, size }) => sum + (shared ? 0 : size), 0)
  return {
    total: () => total,
    remove(item) {
      for (let gone: CacheItem | undefined = item; gone !== undefined; gone = byId.get(gone.parent ?? '')) {
        const left = (users.get(gone.id) ?? 0) - 1
        users.set(gone.id, left)
        if (left > 0) return
        if (!gone.shared) total -= gone.size
      }
    },
  }
}

/**
 * Lets go of a layer, or of a cache mount with its directory's name. What is known of the layer stays, to explain why its step
 * runs again, unless all is to be forgotten. False when a build has taken it meanwhile.
 */
function evict({ store: { db }, store }: Engine, item: CacheItem, all: boolean): boolean {
  if (item.kind === 'mount') return cacheMountRecords(store).remove(Number(item.id.slice('mount-'.length)))
  const id = Number(item.id)
  const { changes } = all
    ? db.run('DELETE FROM cache_records WHERE snapshot = ?', id)
    : db.run('UPDATE cache_records SET snapshot = NULL, disk = NULL WHERE snapshot = ?', id)
  return changes > 0
}

/** Records whose files were evicted earlier: with `--all` the cache forgets that they ever were. */
function forgetKnowledge(engine: Engine): void {
  engineCacheRecords(engine).forgetEvicted()
  engine.store.db.run('DELETE FROM web_files')
}

/** Removes directories of cache mounts without a record, lists of files that no record with a layer names, and folders of builds that died. */
export async function sweepFolders(engine: Engine, signal: AbortSignal): Promise<void> {
  const { store, native } = engine
  using _maker = await store.lease.claim(makerClaim, signal)
  const mounts = new Set(
    cacheMountRecords(store)
      .entries()
      .map(({ directory }) => directory),
  )
  const orphans = (await namesIn(join(store.root, 'caches'))).filter((name) => !mounts.has(name))
  if (orphans.length > 0) await native.call('remove', { root: join(store.root, 'caches'), names: orphans }, { signal })

  const named = new Set(
    store.db
      .all<{ facts: string }>(`SELECT facts FROM cache_records WHERE kind = 'files' AND snapshot IS NOT NULL`)
      .flatMap(({ facts }) => [...facts.matchAll(/"blake3:([0-9a-f]+)"/g)].map(([, hex]) => `blake3-${hex}`)),
  )
  for (const name of await namesIn(join(store.root, 'manifests'))) {
    if (!named.has(name)) await rm(join(store.root, 'manifests', name), { force: true })
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}
