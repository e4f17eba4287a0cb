import type { Database } from '../store/db/database.ts'

/** A named place for data that outlives containers: `volumes/<name>/_data` below the store's root. */
export interface Volume {
  readonly name: string
  readonly createdAt: number
  readonly labels: Readonly<Record<string, string>>
  /** Options of the local driver: `type`, `device`, `o`, as mount(8) takes them. Empty: a plain directory. */
  readonly options: Readonly<Record<string, string>>
  /** Made for a container that named no volume; goes with `rm -v` and `prune`. */
  readonly anonymous: boolean
}

interface VolumeRow {
  readonly name: string
  readonly created_at: number
  readonly record: string
}

/** Rows of `volumes` and `volume_uses`. */
export interface VolumeRecords {
  find(name: string): Volume | undefined
  list(): readonly Volume[]
  /** False when the name is taken. */
  insert(volume: Volume): boolean
  /** Removes the row; gives ids of containers that use the volume instead, when there are some. */
  remove(name: string): readonly string[]
  use(name: string, container: string): void
  usersOf(name: string): readonly string[]
  usedBy(container: string): readonly string[]
}

export function volumeRecords(db: Database): VolumeRecords {
  const usersOf = (name: string): readonly string[] =>
    db
      .all<{ container: string }>('SELECT container FROM volume_uses WHERE volume = ?', name)
      .map((row) => row.container)
  return {
    find(name) {
      const row = db.get<VolumeRow>('SELECT name, created_at, record FROM volumes WHERE name = ?', name)
      return row === undefined ? undefined : toVolume(row)
    },
    list: () => db.all<VolumeRow>('SELECT name, created_at, record FROM volumes ORDER BY name').map(toVolume),
    insert({ name, createdAt, ...record }) {
      const sql = 'INSERT OR IGNORE INTO volumes (name, created_at, record) VALUES (?, ?, ?)'
      return db.run(sql, name, createdAt, JSON.stringify(record)).changes === 1
    },
    remove: (name) =>
      db.transaction(() => {
        const users = usersOf(name)
        if (users.length === 0) db.run('DELETE FROM volumes WHERE name = ?', name)
        return users
      }),
    use: (name, container) =>
      void db.run('INSERT OR IGNORE INTO volume_uses (volume, container) VALUES (?, ?)', name, container),
    usersOf,
    usedBy: (container) =>
      db
        .all<{ volume: string }>('SELECT volume FROM volume_uses WHERE container = ?', container)
        .map((row) => row.volume),
  }
}

function toVolume(row: VolumeRow): Volume {
  return {
    name: row.name,
    createdAt: row.created_at,
    ...(JSON.parse(row.record) as Omit<Volume, 'name' | 'createdAt'>),
  }
}
