import { randomBytes } from 'node:crypto'
import type { Store } from '../../store/store.ts'

interface MountRow {
  readonly id: number
  readonly directory: string
}

/** A cache directory as people see it. */
export interface CacheMountEntry {
  readonly id: number
  /** What tells caches apart: the name, or a digest where it started from a stage. */
  readonly key: string
  /** The id that Dockerfiles give it. */
  readonly name: string
  readonly directory: string
  readonly size: number
  readonly createdAt: number
  readonly usedAt: number
  readonly uses: number
  readonly inUse: boolean
}

export interface CacheMountRecords {
  /** Takes a directory of that key into use; with `exclusive` one that nobody uses. Undefined when there is none. */
  use(
    key: string,
    exclusive: boolean,
  ): { readonly id: number; readonly directory: string; readonly claim: Disposable } | undefined
  insert(key: string, name: string, directory: string): void
  /** Least recently used first. */
  entries(): readonly CacheMountEntry[]
  setSize(id: number, size: number): void
  /** Forgets a cache unless it is in use; says whether it did. */
  remove(id: number): boolean
}

/** Rows of `cache_mounts`. Who uses a cache is told by claims, which end with their process. */
export function cacheMountRecords({ db, lease }: Pick<Store, 'db' | 'lease'>): CacheMountRecords {
  const useKey = (id: number): string => `cache-mount:${id}:`
  const isUsed = (id: number): boolean => {
    const prefix = useKey(id)
    return db.get('SELECT 1 FROM claims WHERE substr(key, 1, ?) = ? LIMIT 1', prefix.length, prefix) !== undefined
  }

  function take(key: string, exclusive: boolean): ReturnType<CacheMountRecords['use']> {
    return db.transaction(() => {
      const rows = db.all<MountRow>('SELECT id, directory FROM cache_mounts WHERE key = ? ORDER BY id', key)
      const row = exclusive ? rows.find(({ id }) => !isUsed(id)) : rows[0]
      if (row === undefined) return undefined
      const claim = lease.tryClaim(`${useKey(row.id)}${randomBytes(8).toString('hex')}`)
      if (claim === undefined) throw new Error('A random claim was taken')
      db.run('UPDATE cache_mounts SET used_at = ?, uses = uses + 1 WHERE id = ?', Date.now(), row.id)
      return { ...row, claim }
    })
  }

  return {
    use(key, exclusive) {
      const first = take(key, exclusive)
      if (first !== undefined || !exclusive) return first
      // What dead processes used is free.
      lease.bury()
      return take(key, exclusive)
    },
    insert: (key, name, directory) =>
      void db.run(
        'INSERT INTO cache_mounts (key, name, directory, created_at, used_at) VALUES (?, ?, ?, ?, ?)',
        key,
        name,
        directory,
        Date.now(),
        Date.now(),
      ),
    entries: () =>
      db
        .all<Omit<CacheMountEntry, 'inUse'>>(
          `SELECT id, key, name, directory, size, created_at AS createdAt, used_at AS usedAt, uses
             FROM cache_mounts ORDER BY used_at, id`,
        )
        .map((entry) => ({ ...entry, inUse: isUsed(entry.id) })),
    setSize: (id, size) => void db.run('UPDATE cache_mounts SET size = ? WHERE id = ?', size, id),
    remove: (id) =>
      db.transaction(() => {
        if (isUsed(id)) return false
        return db.run('DELETE FROM cache_mounts WHERE id = ?', id).changes > 0
      }),
  }
}
