import type { Snapshot, SnapshotId } from '../../snapshot/snapshotter.ts'
import type { Database } from '../../store/db/database.ts'
import type { BuildCache, CacheHit, CacheRecord } from './cache.ts'
import type { Identity, Result } from './operation.ts'

interface RecordRow {
  readonly id: number
  readonly definition_key: string
  readonly content_key: string | null
  readonly kind: string
  readonly name: string
  readonly facts: string
  readonly inputs: string
  readonly identity: string
  readonly snapshot: SnapshotId | null
  readonly created_at: number
}

/** A layer that records of the cache name, as people see it. */
export interface CachedLayer {
  readonly snapshot: SnapshotId
  /** What made it, by the record that was used last. */
  readonly name: string
  /** It came with an image, by all that is known. */
  readonly pulled: boolean
  /** Bytes on the disk; undefined until they were measured. */
  readonly disk?: number
  readonly createdAt: number
  readonly usedAt: number
  readonly uses: number
}

export interface CacheRecords extends BuildCache {
  /** Each layer once, whatever number of records names it. */
  layers(): readonly CachedLayer[]
  /** Layers of which it is not known how much of the disk they take. */
  unmeasured(): readonly SnapshotId[]
  /** Removes the records of layers that were evicted. */
  forgetEvicted(): void
  /** Remembers what another cache knows of a step, when nothing is known here. */
  learn(record: CacheRecord): void
  /** The stack of that identity, when it is in the store. */
  byIdentity(identity: Identity): Result | undefined
  /** Remembers how much of the disk a snapshot takes. */
  setDisk(snapshot: SnapshotId, bytes: number): void
  /** Snapshots that records name: what GC keeps for the cache. */
  snapshots(): ReadonlySet<SnapshotId>
  /** Whether these records are still here with that result and its files; they count as used then. */
  holds(records: readonly { readonly key: string; readonly identity: Identity }[]): boolean
  /** Writes down which records this build used; done once at its end. */
  touch(): void
}

export interface CacheRecordOptions {
  readonly db: Database
  /** Gives the snapshot and keeps GC from it while this process lives. */
  readonly find: (id: SnapshotId) => Snapshot | undefined
  readonly byIdentity: (identity: Identity) => Result | undefined
  readonly claim: (key: string, signal: AbortSignal) => Promise<Disposable>
  readonly build: string
  readonly now: () => number
}

/** Records of a kind that `earlier` looks at: enough for the nearest one to be among them, few enough to be read at once. */
const explainWindow = 500

const columns = 'id, definition_key, content_key, kind, name, facts, inputs, identity, snapshot, created_at'

/** The build cache in the store's database. One definition key has one record: doing a step again replaces it. */
export function cacheRecords({ db, find, byIdentity, claim, build, now }: CacheRecordOptions): CacheRecords {
  const used = new Set<number>()

  function toHit(row: RecordRow): CacheHit {
    used.add(row.id)
    const { snapshot } = row
    return {
      ...toRecord(row),
      result: (): Result | undefined => {
        if (row.identity === 'scratch') return null
        return snapshot === null ? undefined : find(snapshot)
      },
    }
  }

  function insert(record: CacheRecord, snapshot: SnapshotId | null, size: number): CacheHit {
    const time = now()
    const { id } = db.run(
      `INSERT OR REPLACE INTO cache_records
         (definition_key, content_key, kind, name, facts, inputs, identity, snapshot, size, build, created_at, used_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      record.definitionKey,
      record.contentKey ?? null,
      record.kind,
      record.name,
      JSON.stringify(record.facts),
      JSON.stringify(record.inputs),
      record.identity,
      snapshot,
      size,
      build,
      record.createdAt,
      time,
    )
    const row = db.get<RecordRow>(`SELECT ${columns} FROM cache_records WHERE id = ?`, id)
    if (row === undefined) throw new Error(`Cache record ${id} vanished while it was written`)
    return toHit(row)
  }

  return {
    find(key) {
      const row =
        db.get<RecordRow>(`SELECT ${columns} FROM cache_records WHERE definition_key = ?`, key) ??
        db.get<RecordRow>(`SELECT ${columns} FROM cache_records WHERE content_key = ? ORDER BY id DESC LIMIT 1`, key)
      return row === undefined ? undefined : toHit(row)
    },
    save: (record, result) =>
      db.transaction(() => {
        const first = db.get<{ created_at: number | null }>(
          'SELECT min(created_at) AS created_at FROM cache_records WHERE identity = ? AND kind = ?',
          record.identity,
          record.kind,
        )
        const createdAt = Math.min(first?.created_at ?? Infinity, record.createdAt)
        return insert({ ...record, createdAt }, result?.id ?? null, result?.size ?? 0)
      }),
    alias: (hit, definitionKey) =>
      db.transaction(() => {
        const result = hit.result() ?? null
        return insert({ ...hit, definitionKey }, result?.id ?? null, result?.size ?? 0)
      }),
    claim: (key, signal) => claim(`build:${key}`, signal),
    earlier: (kind) =>
      db
        .all<RecordRow>(
          `SELECT ${columns} FROM cache_records WHERE kind = ? ORDER BY used_at DESC, id DESC LIMIT ${explainWindow}`,
          kind,
        )
        .map(toRecord),
    layers: () =>
      db
        .all<LayerRow>(
          `SELECT snapshot, max(disk) AS disk, min(created_at) AS createdAt, max(used_at) AS usedAt, sum(uses) AS uses,
             min(kind = 'image') AS pulled,
             (SELECT name FROM cache_records AS last WHERE last.snapshot = cache_records.snapshot
                ORDER BY used_at DESC, id DESC LIMIT 1) AS name
           FROM cache_records WHERE snapshot IS NOT NULL GROUP BY snapshot`,
        )
        .map(({ disk, pulled, ...row }) => ({ ...row, ...(disk === null ? {} : { disk }), pulled: pulled === 1 })),
    unmeasured: () =>
      db
        .all<{ snapshot: SnapshotId }>(
          'SELECT snapshot FROM cache_records WHERE snapshot IS NOT NULL GROUP BY snapshot HAVING max(disk) IS NULL',
        )
        .map(({ snapshot }) => snapshot),
    forgetEvicted: () => void db.run('DELETE FROM cache_records WHERE snapshot IS NULL'),
    learn: (record) =>
      db.transaction(() => {
        const known = db.get('SELECT 1 FROM cache_records WHERE definition_key = ?', record.definitionKey)
        const result = byIdentity(record.identity) ?? null
        if (known === undefined) insert(record, result?.id ?? null, result?.size ?? 0)
      }),
    byIdentity,
    holds: (wanted) =>
      wanted.every(({ key, identity }) => {
        const row = db.get<RecordRow>(`SELECT ${columns} FROM cache_records WHERE definition_key = ?`, key)
        return row !== undefined && row.identity === identity && toHit(row).result() !== undefined
      }),
    setDisk: (snapshot, bytes) => void db.run('UPDATE cache_records SET disk = ? WHERE snapshot = ?', bytes, snapshot),
    snapshots: () =>
      new Set(
        db
          .all<{ snapshot: SnapshotId }>('SELECT DISTINCT snapshot FROM cache_records WHERE snapshot IS NOT NULL')
          .map((row) => row.snapshot),
      ),
    touch() {
      const time = now()
      db.transaction(() => {
        for (const id of used) db.run('UPDATE cache_records SET used_at = ?, uses = uses + 1 WHERE id = ?', time, id)
      })
      used.clear()
    },
  }
}

function toRecord(row: RecordRow): CacheRecord {
  return {
    definitionKey: row.definition_key,
    ...(row.content_key === null ? {} : { contentKey: row.content_key }),
    kind: row.kind,
    name: row.name,
    facts: JSON.parse(row.facts) as CacheRecord['facts'],
    inputs: JSON.parse(row.inputs) as CacheRecord['inputs'],
    identity: row.identity,
    createdAt: row.created_at,
  }
}

interface LayerRow extends Omit<CachedLayer, 'disk' | 'pulled'> {
  readonly disk: number | null
  readonly pulled: number
}
