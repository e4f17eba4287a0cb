import type { LayerFacts } from '../host/native.ts'
import { parseDigest } from '../oci/digest.ts'
import type { ChainId } from '../oci/digest.ts'
import type { Database } from '../store/db/database.ts'
import type { Snapshot, SnapshotId } from './snapshotter.ts'

interface SnapshotRow {
  readonly id: SnapshotId
  readonly parent: SnapshotId | null
  readonly chain_id: ChainId
  readonly diff_id: string
  readonly size: number
  readonly bytes: number
}

const columns = 'id, parent, chain_id, diff_id, size, bytes'

/** Rows of `snapshots`. Pure records: no directory is touched here. */
export interface SnapshotRecords {
  insertActive(parent: SnapshotId | null, lease: number, bootId: string): SnapshotId
  /** The existing snapshot of the chain when there is one (the active one is then to be removed), else the row made immutable. */
  commit(id: SnapshotId, parent: SnapshotId | null, chainId: ChainId, layer: LayerFacts): Snapshot
  keep(id: SnapshotId, owner: string): void
  find(id: SnapshotId): Snapshot | undefined
  byChain(chainId: ChainId): Snapshot | undefined
  /** Ancestors first, `id` last; works for snapshots in any state. */
  ancestry(id: SnapshotId): readonly SnapshotId[]
  chain(id: SnapshotId): readonly Snapshot[]
  list(): readonly Snapshot[]
  standOn(ids: readonly SnapshotId[]): readonly Snapshot[]
  bytesOf(chains: readonly ChainId[]): ReadonlyMap<ChainId, number>
  /** Marks for removal what no longer has a right to exist: actives of these leases, and rows that were being removed. */
  condemn(dead: readonly number[]): void
  /** Marks one snapshot for removal, whatever its state. */
  condemnOne(id: SnapshotId): void
  /** Marks committed snapshots outside `keep`, its ancestors, containers' ancestors and living processes' holds; gives what they were. */
  condemnUnused(keep: ReadonlySet<SnapshotId>): readonly Snapshot[]
  condemned(): readonly SnapshotId[]
  forget(ids: readonly SnapshotId[]): void
  /** Snapshots of an earlier run of the kernel that never were flushed to disk, with all that stands on them. */
  condemnUnsynced(bootId: string): void
  unsynced(): readonly SnapshotId[]
  markSynced(ids: readonly SnapshotId[]): void
}

export function snapshotRecords(db: Database): SnapshotRecords {
  const one = (where: string, ...values: (string | number)[]): Snapshot | undefined => {
    const row = db.get<SnapshotRow>(
      `SELECT ${columns} FROM snapshots WHERE state = 'committed' AND ${where}`,
      ...values,
    )
    return row === undefined ? undefined : toSnapshot(row)
  }
  const byChain = (chainId: ChainId): Snapshot | undefined => one('chain_id = ?', chainId)
  const find = (id: SnapshotId): Snapshot | undefined => one('id = ?', id)
  const ancestry = (id: SnapshotId): readonly SnapshotId[] =>
    db
      .all<{ id: SnapshotId }>(
        `WITH RECURSIVE up (id, parent, depth) AS (
           SELECT id, parent, 0 FROM snapshots WHERE id = ?
           UNION ALL SELECT s.id, s.parent, depth + 1 FROM snapshots s JOIN up ON s.id = up.parent)
         SELECT id FROM up ORDER BY depth DESC`,
        id,
      )
      .map((row) => row.id)
  const condemnOne = (id: SnapshotId): void =>
    void db.run(
      `UPDATE snapshots SET state = 'removing', chain_id = NULL, parent = NULL, owner = NULL, lease = NULL WHERE id = ?`,
      id,
    )

  return {
    insertActive: (parent, lease, bootId) =>
      db.run(
        `INSERT INTO snapshots (state, parent, lease, boot_id, created_at) VALUES ('active', ?, ?, ?, ?)`,
        parent,
        lease,
        bootId,
        Date.now(),
      ).id as SnapshotId,
    commit: (id, parent, chainId, layer) =>
      db.transaction(() => {
        const existing = byChain(chainId)
        if (existing !== undefined) return existing
        db.run(
          `UPDATE snapshots SET state = 'committed', lease = NULL, parent = ?, chain_id = ?, diff_id = ?, size = ?, bytes = ?, entries = ? WHERE id = ?`,
          parent,
          chainId,
          layer.diffId,
          layer.size,
          layer.bytes,
          layer.entries,
          id,
        )
        const made = find(id)
        if (made === undefined) throw new Error(`Snapshot ${id} vanished while it was committed`)
        return made
      }),
    keep: (id, owner) =>
      void db.run(`UPDATE snapshots SET state = 'container', lease = NULL, owner = ? WHERE id = ?`, owner, id),
    find,
    byChain,
    ancestry,
    chain: (id) =>
      ancestry(id)
        .map(find)
        .filter((snapshot) => snapshot !== undefined),
    list: () =>
      db.all<SnapshotRow>(`SELECT ${columns} FROM snapshots WHERE state = 'committed' ORDER BY id`).map(toSnapshot),
    standOn(ids) {
      const rows = db.all<SnapshotRow>(
        `WITH RECURSIVE needed(id) AS (
           SELECT value FROM json_each(?)
           UNION SELECT parent FROM snapshots JOIN needed ON snapshots.id = needed.id WHERE parent IS NOT NULL)
         SELECT ${columns} FROM snapshots WHERE state = 'committed' AND id IN needed ORDER BY id`,
        JSON.stringify(ids),
      )
      return parentsFirst(rows.map(toSnapshot))
    },
    bytesOf: (chains) =>
      new Map(
        db
          .all<Pick<SnapshotRow, 'chain_id' | 'bytes'>>(
            `SELECT chain_id, bytes FROM snapshots WHERE state = 'committed' AND chain_id IN (SELECT value FROM json_each(?))`,
            JSON.stringify(chains),
          )
          .map((row) => [row.chain_id, row.bytes]),
      ),
    condemn(dead) {
      const rows = db.all<{ id: SnapshotId; lease: number }>(`SELECT id, lease FROM snapshots WHERE state = 'active'`)
      for (const row of rows) if (dead.includes(row.lease)) condemnOne(row.id)
    },
    condemnOne,
    condemnUnused: (keep) =>
      db.transaction(() => {
        const rows = db.all<SnapshotRow>(
          `WITH RECURSIVE needed(id) AS (
             SELECT value FROM json_each(?)
             UNION SELECT id FROM snapshots WHERE state IN ('active', 'container')
             UNION SELECT CAST(key AS INTEGER) FROM holds WHERE kind = 'snapshot'
             UNION SELECT parent FROM snapshots JOIN needed ON snapshots.id = needed.id WHERE parent IS NOT NULL)
           SELECT ${columns} FROM snapshots WHERE state = 'committed' AND id NOT IN needed ORDER BY id DESC`,
          JSON.stringify([...keep]),
        )
        const unused = rows.map(toSnapshot)
        for (const snapshot of unused) condemnOne(snapshot.id)
        return unused
      }),
    condemned: () =>
      db.all<{ id: SnapshotId }>(`SELECT id FROM snapshots WHERE state = 'removing'`).map((row) => row.id),
    forget: (ids) => db.transaction(() => ids.forEach((id) => db.run('DELETE FROM snapshots WHERE id = ?', id))),
    condemnUnsynced: (bootId) =>
      db.transaction(() => {
        const lost = db.all<{ id: SnapshotId }>(
          `WITH RECURSIVE lost (id) AS (
             SELECT id FROM snapshots WHERE synced = 0 AND boot_id <> ? AND state = 'committed'
             UNION SELECT s.id FROM snapshots s JOIN lost ON s.parent = lost.id)
           SELECT id FROM lost ORDER BY id DESC`,
          bootId,
        )
        for (const { id } of lost) condemnOne(id)
      }),
    unsynced: () =>
      db
        .all<{ id: SnapshotId }>(`SELECT id FROM snapshots WHERE synced = 0 AND state = 'committed'`)
        .map((row) => row.id),
    markSynced: (ids) =>
      db.transaction(() => ids.forEach((id) => db.run('UPDATE snapshots SET synced = 1 WHERE id = ?', id))),
  }
}

/** In the order that they have, but for parents: a layer that was unpacked by itself may be younger than one that stands on it. */
function parentsFirst(snapshots: readonly Snapshot[]): readonly Snapshot[] {
  const waiting = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]))
  const sorted: Snapshot[] = []
  for (const snapshot of snapshots) {
    const chain: Snapshot[] = []
    for (
      let one = waiting.get(snapshot.id);
      one !== undefined;
      one = one.parent === null ? undefined : waiting.get(one.parent)
    ) {
      waiting.delete(one.id)
      chain.push(one)
    }
    sorted.push(...chain.reverse())
  }
  return sorted
}

function toSnapshot(row: SnapshotRow): Snapshot {
  const { id, parent, chain_id: chainId, diff_id: diffId, size, bytes } = row
  return { id, parent, chainId, diffId: parseDigest(diffId), size, bytes }
}
