import type { Database } from './db/database.ts'

/** Something that happened to an object of the store, in docker's terms. */
export interface LoggedEvent {
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly type: 'container' | 'image' | 'volume' | 'network'
  /** `create`, `start`, `die`, `exec_start: sh`, … */
  readonly action: string
  /** Id or name of the object. */
  readonly actor: string
  readonly attributes: Readonly<Record<string, string>>
}

/** The events of all processes of a store, oldest first. */
export interface EventLog {
  record(event: Omit<LoggedEvent, 'id' | 'at'> & { readonly at?: number }): void
  /** Those after the one with the given id. */
  after(id: number): readonly LoggedEvent[]
  /** Id of the last one; 0 when there is none. */
  last(): number
}

/** Rows that are kept: some weeks of a busy machine. */
const kept = 20_000
/** Rows are counted once in so many records. */
const checkEvery = 256

interface EventRow {
  readonly id: number
  readonly at: number
  readonly type: LoggedEvent['type']
  readonly action: string
  readonly actor: string
  readonly attributes: string
}

export function eventLog(db: Database): EventLog {
  return {
    record({ at = Date.now(), type, action, actor, attributes }) {
      const sql = 'INSERT INTO events (at, type, action, actor, attributes) VALUES (?, ?, ?, ?, ?)'
      const { id } = db.run(sql, at, type, action, actor, JSON.stringify(attributes))
      if (id % checkEvery === 0) db.run('DELETE FROM events WHERE id <= ?', id - kept)
    },
    after: (id) => db.all<EventRow>('SELECT * FROM events WHERE id > ? ORDER BY id', id).map(toEvent),
    last: () => db.get<{ last: number | null }>('SELECT max(id) AS last FROM events')?.last ?? 0,
  }
}

function toEvent({ attributes, ...row }: EventRow): LoggedEvent {
  return { ...row, attributes: JSON.parse(attributes) as LoggedEvent['attributes'] }
}
