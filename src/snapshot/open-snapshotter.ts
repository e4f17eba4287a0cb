import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hasCode, hasErrno, TsbuildError } from '../base/errors.ts'
import type { LayerFacts, NativeCore, Tree } from '../host/native.ts'
import { chainId, parseDigest } from '../oci/digest.ts'
import { bootId } from '../store/lease.ts'
import type { Store } from '../store/store.ts'
import { copyDriver, copyOf, layerOf, workOf } from './driver.ts'
import type { Driver, Stack } from './driver.ts'
import { snapshotRecords } from './snapshot-records.ts'
import type { Snapshot, SnapshotId, Snapshotter } from './snapshotter.ts'

/**
 * Snapshots as layers in overlayfs' form, `<id>/fs`, whatever the driver that stacks them: a store can be used with another one at any time.
 * Opening removes what dead processes left, and layers that an earlier run of the kernel may not have brought to the disk.
 * Closing removes what was not kept, and starts a flush of the layers made: it goes on alone,
 * so that no command waits for the disk.
 */
export async function openSnapshotter(store: Store, native: NativeCore, driver: Driver): Promise<Snapshotter> {
  const { db, lease } = store
  const directory = store.paths.snapshots
  const markers = join(store.root, 'flushed')
  const records = snapshotRecords(db)
  const boot = bootId()

  const place = (id: SnapshotId): string => join(directory, String(id))
  const stack = (top: SnapshotId | null): Stack => ({
    layers: top === null ? [] : records.ancestry(top).map(place).map(layerOf).reverse(),
    top: top === null ? undefined : place(top),
  })
  const writable = (id: SnapshotId, parent: SnapshotId | null, volatile: boolean): Tree => {
    const by = existsSync(copyOf(place(id))) ? copyDriver : driver // what was begun with copies goes on with them
    return by.writable(stack(parent), place(id), volatile)
  }

  async function make(parent: SnapshotId | null): Promise<SnapshotId> {
    const id = records.insertActive(parent, lease.id, boot)
    if (!isMade(place(id))) {
      // A store whose database was lost left it: nothing of it may be in the layer.
      await native.call('remove', { root: directory, names: [String(id)] })
      mkdirSync(place(id), { mode: 0o755 })
    }
    mkdirSync(layerOf(place(id)), { mode: 0o755 })
    mkdirSync(workOf(place(id)), { mode: 0o700 })
    return id
  }

  async function discard(id: SnapshotId): Promise<void> {
    records.condemnOne(id)
    await removeCondemned()
  }

  /** A layer waits for the others that are not kept, so that no step waits for a process of the core; a copy of a whole tree does not. */
  async function leave(id: SnapshotId): Promise<void> {
    if (driver.name === 'copy') await discard(id)
    else records.condemnOne(id)
  }

  async function removeCondemned(): Promise<void> {
    const ids = records.condemned()
    if (ids.length === 0) return
    await native.call('remove', { root: directory, names: ids.map(String), quotas: true })
    records.forget(ids)
  }

  /** Holds before it looks, in one transaction: GC either sees the hold or has taken the row already. */
  function held(find: () => Snapshot | undefined): Snapshot | undefined {
    return db.transaction(() => {
      const snapshot = find()
      if (snapshot !== undefined) lease.hold('snapshot', String(snapshot.id))
      return snapshot
    })
  }

  function commit(id: SnapshotId, parent: Snapshot | null, layer: LayerFacts): Snapshot {
    const chain = chainId(parent?.chainId ?? null, parseDigest(layer.diffId))
    return db.transaction(() => {
      const snapshot = records.commit(id, parent?.id ?? null, chain, layer)
      lease.hold('snapshot', String(snapshot.id))
      return snapshot
    })
  }

  function get(id: SnapshotId): Snapshot {
    const snapshot = records.find(id)
    if (snapshot === undefined) throw new Error(`Snapshot ${id} is not committed`)
    return snapshot
  }

  records.condemn(store.dead)
  readMarkers(markers, (ids) => records.markSynced(ids))
  records.condemnUnsynced(boot)
  await removeCondemned()

  return {
    async prepare(parent) {
      if (parent !== null) lease.hold('snapshot', String(parent))
      const id = await make(parent)
      let done = false
      return {
        id,
        parent,
        tree: writable(id, parent, true),
        bound: (bytes) => setQuota(native, directory, id, bytes),
        async commit(layer) {
          const snapshot = commit(id, parent === null ? null : get(parent), layer)
          done = snapshot.id === id
          return snapshot
        },
        keep(owner) {
          records.keep(id, owner)
          done = true
        },
        async [Symbol.asyncDispose]() {
          if (!done) await leave(id)
        },
      }
    },
    async prepareDetached() {
      const id = await make(null)
      let done = false
      return {
        tree: { kind: 'dir', path: layerOf(place(id)) },
        async commit(parent, layer) {
          const snapshot = commit(id, parent, layer)
          done = snapshot.id === id
          return snapshot
        },
        async [Symbol.asyncDispose]() {
          if (!done) await leave(id)
        },
      }
    },
    byChain: (chain) => held(() => records.byChain(chain)),
    find: (id) => held(() => records.find(id)),
    chain: records.chain,
    diffIds: (id) => records.chain(id).map((snapshot) => snapshot.diffId),
    driver: driver.name,
    view: (id) => driver.view(stack(id)),
    layer: (id) => driver.layer(stack(get(id).parent), place(id)),
    containerTree: (id) => writable(id, records.ancestry(id).at(-2) ?? null, false),
    discard,
    async sweep(keep) {
      const removed = records.condemnUnused(keep)
      await removeCondemned()
      return removed
    },
    list: records.list,
    standOn: records.standOn,
    bytesOf: records.bytesOf,
    async [Symbol.asyncDispose]() {
      await removeCondemned()
      const ids = records.unsynced()
      if (ids.length === 0) return
      mkdirSync(markers, { recursive: true, mode: 0o700 })
      const marker = join(markers, `${ids.at(-1)}-${randomUUID()}`)
      await native.call('flush', { root: store.root, marker, content: ids.join(' ') }, { detached: true })
    },
  }
}

async function setQuota(native: NativeCore, root: string, id: SnapshotId, bytes: number): Promise<void> {
  try {
    await native.call('quota', { root, name: String(id), bytes })
  } catch (error) {
    if (!hasCode(error, 'FEATURE_MISSING')) throw error
    const text = '--storage-opt size is supported only where the store is on ext4 or xfs that enforces project quotas'
    throw new TsbuildError('FEATURE_MISSING', text, { hint: quotaHint, cause: error })
  }
}

const quotaHint =
  'As root, mount the file system of the store with "prjquota" (ext4 after "tune2fs -O project,quota"), or let the container write to a mount of bounded size: --read-only with --tmpfs /tmp:size=…'

/** False when something of that name is there. */
function isMade(directory: string): boolean {
  mkdirSync(dirname(directory), { recursive: true, mode: 0o755 })
  try {
    mkdirSync(directory, { mode: 0o755 })
    return true
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
}

/** Markers are left by `flush` when layers are on the disk; each names their ids. */
function readMarkers(directory: string, flushed: (ids: readonly SnapshotId[]) => void): void {
  if (!existsSync(directory)) return
  for (const name of readdirSync(directory).filter((name) => !name.endsWith('.new'))) {
    const marker = join(directory, name)
    const text = readMarker(marker)
    if (text === undefined) continue
    flushed(text.split(' ').map((id) => Number(id) as SnapshotId))
    rmSync(marker, { force: true })
  }
}

/** Undefined when another process that opened the store took the marker first. */
function readMarker(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
