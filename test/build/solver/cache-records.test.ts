import { describe, expect, it } from 'vitest'
import { cacheRecords } from '../../../src/build/solver/cache-records.ts'
import type { CacheRecords } from '../../../src/build/solver/cache-records.ts'
import type { CacheRecord } from '../../../src/build/solver/cache.ts'
import { snapshotRecords } from '../../../src/snapshot/snapshot-records.ts'
import type { Snapshot } from '../../../src/snapshot/snapshotter.ts'
import { chainId, sha256 } from '../../../src/oci/digest.ts'
import { openStore } from '../../../src/store/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempDir } from '../temp-dir.ts'

function makeSnapshot(store: Store, text: string): Snapshot {
  const records = snapshotRecords(store.db)
  const diffId = sha256(text)
  const id = records.insertActive(null, store.lease.id, 'boot')
  return records.commit(id, null, chainId(null, diffId), { diffId, size: text.length, entries: 1, bytes: 1 })
}

function open(store: Store, clock: { now: number }): CacheRecords {
  const snapshots = snapshotRecords(store.db)
  return cacheRecords({
    db: store.db,
    find: (id) => snapshots.find(id),
    byIdentity: () => undefined,
    claim: (key, signal) => store.lease.claim(key, signal),
    build: 'b',
    now: () => clock.now,
  })
}

const record = (key: string, identity: string, createdAt: number, content?: string): CacheRecord => ({
  definitionKey: key,
  ...(content === undefined ? {} : { contentKey: content }),
  kind: 'exec',
  name: 'RUN x',
  facts: [{ name: 'command', value: 'x' }],
  inputs: [{ name: 'base', identity: 'i' }],
  identity,
  createdAt,
})

describe('cacheRecords', () => {
  it('finds by definition and by content what another process saved', async () => {
    const root = tempDir()
    using store = await openStore(root)
    const snapshot = makeSnapshot(store, 'a')
    open(store, { now: 5 }).save(record('d', snapshot.chainId, 5, 'c'), snapshot)
    using other = await openStore(root)
    const cache = open(other, { now: 6 })
    expect(cache.find('d')).toMatchObject(record('d', snapshot.chainId, 5, 'c'))
    expect(cache.find('c')?.result()).toEqual(snapshot)
    expect(cache.find('nothing')).toBeUndefined()
  })

  it('finds the first time by an index: thousands of steps may share one result', async () => {
    using store = await openStore(tempDir())
    const plan = store.db.all<{ readonly detail: string }>(
      'EXPLAIN QUERY PLAN SELECT min(created_at) FROM cache_records WHERE identity = ? AND kind = ?',
      'scratch',
      'exec',
    )
    expect(plan.map(({ detail }) => detail).join()).toContain('COVERING INDEX cache_by_identity')
  })

  it('keeps the first time at which a step gave a result', async () => {
    using store = await openStore(tempDir())
    const cache = open(store, { now: 9 })
    const snapshot = makeSnapshot(store, 'a')
    cache.save(record('d', snapshot.chainId, 5), snapshot)
    expect(cache.save(record('d', snapshot.chainId, 9), snapshot).createdAt).toBe(5)
    expect(cache.save(record('d', makeSnapshot(store, 'b').chainId, 9), snapshot).createdAt).toBe(9)
  })

  it('knows the identity of what was evicted, but has no result', async () => {
    using store = await openStore(tempDir())
    const cache = open(store, { now: 5 })
    const snapshot = makeSnapshot(store, 'a')
    cache.save(record('d', snapshot.chainId, 5), snapshot)
    store.db.run('DELETE FROM snapshots WHERE id = ?', snapshot.id)
    const hit = cache.find('d')
    expect(hit?.identity).toBe(snapshot.chainId)
    expect(hit?.result()).toBeUndefined()
    expect(cache.snapshots()).toEqual(new Set())
  })

  it('has the empty root as a result', async () => {
    using store = await openStore(tempDir())
    expect(
      open(store, { now: 5 })
        .save(record('d', 'scratch', 5), null)
        .result(),
    ).toBeNull()
  })

  it('lets a record be found under a further key', async () => {
    using store = await openStore(tempDir())
    const cache = open(store, { now: 5 })
    const snapshot = makeSnapshot(store, 'a')
    const alias = cache.alias(cache.save(record('d', snapshot.chainId, 5, 'c'), snapshot), 'e')
    expect(alias.createdAt).toBe(5)
    expect(cache.find('e')?.result()).toEqual(snapshot)
    expect(cache.find('d')?.result()).toEqual(snapshot)
  })

  it('writes down what was used', async () => {
    using store = await openStore(tempDir())
    const clock = { now: 5 }
    const cache = open(store, clock)
    for (const key of ['d', 'e']) {
      const snapshot = makeSnapshot(store, key)
      cache.save(record(key, snapshot.chainId, 5), snapshot)
    }
    cache.touch()
    clock.now = 8
    cache.find('d')
    cache.touch()
    const used = cache.layers().map(({ name, usedAt, uses }) => [name, usedAt, uses])
    const nameOf = (key: string): string => record(key, '', 5).name
    expect(used.toSorted((a, b) => Number(a[1]) - Number(b[1]))).toEqual([
      [nameOf('e'), 5, 1],
      [nameOf('d'), 8, 2],
    ])
  })

  it('tells of a layer what all its records say together', async () => {
    using store = await openStore(tempDir())
    const clock = { now: 5 }
    const cache = open(store, clock)
    const snapshot = makeSnapshot(store, 'a')
    cache.save({ ...record('d', snapshot.chainId, 3), kind: 'image', name: 'older' }, snapshot)
    expect(cache.layers()).toMatchObject([{ snapshot: snapshot.id, pulled: true, name: 'older' }])
    expect(cache.unmeasured()).toEqual([snapshot.id])
    cache.setDisk(snapshot.id, 700)
    clock.now = 8
    cache.save({ ...record('e', snapshot.chainId, 4), kind: 'exec', name: 'newer' }, snapshot)
    cache.save(record('scratch', 'scratch', 4), null)
    expect(cache.layers()).toEqual([
      { snapshot: snapshot.id, name: 'newer', pulled: false, disk: 700, createdAt: 3, usedAt: 8, uses: 0 },
    ])
    expect(cache.unmeasured()).toEqual([])
    cache.forgetEvicted()
    expect([cache.find('e'), cache.find('scratch')].map((hit) => hit !== undefined)).toEqual([true, false])
  })
})
