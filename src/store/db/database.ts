import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { TsbuildError, hasCode } from '../../base/errors.ts'

export type Row = Readonly<Record<string, SQLInputValue>>

/**
 * The metadata database: SQLite in WAL mode, shared by all processes of a store. Everything is synchronous, so a transaction
 * cannot have an await in its middle. STORE_BUSY when another process writes for more than the busy time-out, STORE_FULL when
 * the disk is full. Disposing it brings what was written to the disk.
 */
export interface Database extends Disposable {
  /** Runs `body` inside BEGIN IMMEDIATE … COMMIT; rolls back and rethrows when it throws. A nested call joins the outer one. */
  transaction<T>(body: () => T): T
  all<T = Row>(sql: string, ...values: SQLInputValue[]): T[]
  get<T = Row>(sql: string, ...values: SQLInputValue[]): T | undefined
  run(sql: string, ...values: SQLInputValue[]): { readonly changes: number; readonly id: number }
  exec(sql: string): void
}

/** How long a writer waits for another process's transaction. Ours take milliseconds. */
const busyTimeoutMs = 15_000

/** SQLite's primary result codes that we tell apart. */
export const sqliteBusy = 5
export const sqliteIoError = 10
export const sqliteCannotOpen = 14
const sqliteFull = 13

/** Pages of the write-ahead log that are left to the next process to read: 1 MB takes it a millisecond. */
const logPages = 256

/** Opens the file, making it when it does not exist. Committed transactions survive a killed process. */
export function openDatabase(path: string): Database {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
  // NORMAL: a power cut may lose the last transactions, never the integrity; what they named is then found as garbage.
  useLog(db)
  db.exec(`PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${logPages}`)
  const statements = new Map<string, StatementSync>()
  let depth = 0
  let written = false

  function prepare(sql: string): StatementSync {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const made = db.prepare(sql)
    statements.set(sql, made)
    return made
  }

  return {
    transaction(body) {
      if (depth > 0) return body()
      translated(() => db.exec('BEGIN IMMEDIATE'))
      depth += 1
      written = true
      try {
        const result = body()
        translated(() => db.exec('COMMIT'))
        return result
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      } finally {
        depth -= 1
      }
    },
    all: <T>(sql: string, ...values: SQLInputValue[]) => translated(() => prepare(sql).all(...values) as T[]),
    get: <T>(sql: string, ...values: SQLInputValue[]) => translated(() => prepare(sql).get(...values) as T | undefined),
    run: (sql, ...values) =>
      translated(() => {
        written = true
        const { changes, lastInsertRowid } = prepare(sql).run(...values)
        return { changes: Number(changes), id: Number(lastInsertRowid) }
      }),
    exec: (sql) => translated(() => db.exec(sql)),
    // Not closed: the last to close copies the log into the database, waits for the disk twice more and removes the log, which the next command
    // makes again. The end of the process closes it as a killed one's is.
    [Symbol.dispose]: () => {
      if (written) sync(`${path}-wal`)
    },
  }
}

/**
 * Turning a new file into one with a write-ahead log takes the lock of a writer while holding that of a reader. When two processes make a store at
 * once, SQLite then fails at once, whatever the time-out, since two who wait for each other would wait for ever; whoever tries again finds it done.
 */
function useLog(db: DatabaseSync): void {
  for (const end = Date.now() + busyTimeoutMs; ;) {
    try {
      return translated(() => db.exec('PRAGMA journal_mode = WAL'))
    } catch (error) {
      if (!hasCode(error, 'STORE_BUSY') || Date.now() > end) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}

function translated<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    switch (sqliteCode(error)) {
      case sqliteBusy:
        throw new TsbuildError('STORE_BUSY', 'Cannot write to the store: another process holds it', { cause: error })
      case sqliteFull:
        throw new TsbuildError('STORE_FULL', 'Cannot write to the store: no space is left', { cause: error })
      default:
        throw error
    }
  }
}

/** Primary result code of an error of node:sqlite, undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}
