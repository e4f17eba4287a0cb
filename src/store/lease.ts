import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { sqliteBusy, sqliteCannotOpen, sqliteCode, sqliteIoError } from './db/database.ts'
import type { Database } from './db/database.ts'

/**
 * This process's sign of life in a store. It is an exclusive SQLite lock on `leases/<id>.lock`: the kernel frees it with the
 * process, however that ends, and taking it costs no helper process (0.2 ms, against 2 ms for a flock by the native core).
 * Pids are never trusted.
 */
export interface Lease {
  /** Row of `leases`. Taken at the first use, so that a command that only reads leaves no trace. */
  readonly id: number
  /** Keeps GC from a blob or snapshot until this process ends. */
  hold(kind: 'blob' | 'snapshot', key: string): void
  /**
   * Exclusive right to do the work named `key`, across processes and inside this one. Waits while a living process has it;
   * a dead holder's claim is taken over. Rejects with the abort reason.
   */
  claim(key: string, signal?: AbortSignal): Promise<Disposable>
  /** As `claim`, without waiting: undefined while somebody has it. May be called inside a transaction, which it then belongs to. */
  tryClaim(key: string): Disposable | undefined
  /** Removes the rows of dead processes and says which they were. */
  bury(): readonly number[]
}

/** Pause between looks at another process's claim: short for short work, longer when it lasts. */
const pollMs = { first: 5, most: 200 } as const

export function createLease(db: Database, directory: string): Lease & Disposable {
  let own: { readonly id: number; readonly lock: DatabaseSync } | undefined
  const waiting = new Map<string, Promise<void>>()

  function take(): { readonly id: number; readonly lock: DatabaseSync } {
    if (own !== undefined) return own
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // The row appears in the same transaction in which the lock is taken: nobody can see the row without the lock.
    own = db.transaction(() => {
      const { id } = db.run('INSERT INTO leases (boot_id, created_at) VALUES (?, ?)', bootId(), Date.now())
      const lock = new DatabaseSync(lockPath(directory, id))
      lock.exec('BEGIN EXCLUSIVE')
      return { id, lock }
    })
    return own
  }

  function takeClaim(key: string, lease: number): boolean {
    return db.transaction(() => {
      const holder = db.get<{ lease: number }>('SELECT lease FROM claims WHERE key = ?', key)
      if (holder !== undefined && (holder.lease === lease || isAlive(directory, holder.lease))) return false
      db.run('INSERT OR REPLACE INTO claims (key, lease) VALUES (?, ?)', key, lease)
      return true
    })
  }

  async function claim(key: string, signal?: AbortSignal): Promise<Disposable> {
    const lease = take().id
    for (let pause: number = pollMs.first; ; pause = Math.min(pause * 2, pollMs.most)) {
      signal?.throwIfAborted()
      const mine = waiting.get(key)
      if (mine !== undefined) await mine
      else if (takeClaim(key, lease)) break
      else await delay(pause, undefined, signal === undefined ? {} : { signal })
    }
    return held(key, lease)
  }

  function tryClaim(key: string): Disposable | undefined {
    const lease = take().id
    return !waiting.has(key) && takeClaim(key, lease) ? held(key, lease) : undefined
  }

  function held(key: string, lease: number): Disposable {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.set(key, promise)
    return {
      [Symbol.dispose]: () => {
        db.run('DELETE FROM claims WHERE key = ? AND lease = ?', key, lease)
        waiting.delete(key)
        resolve()
      },
    }
  }

  return {
    get id() {
      return take().id
    },
    hold: (kind, key) =>
      void db.run('INSERT OR IGNORE INTO holds (lease, kind, key) VALUES (?, ?, ?)', take().id, kind, key),
    claim,
    tryClaim,
    bury() {
      const dead = db
        .all<{ id: number }>('SELECT id FROM leases')
        .map((row) => row.id)
        .filter((id) => id !== own?.id && !isAlive(directory, id))
      for (const id of dead) {
        // The file first: a row without it is a dead lease, a file without a row would stay for good.
        rmSync(lockPath(directory, id), { force: true })
        db.run('DELETE FROM leases WHERE id = ?', id)
      }
      return dead
    },
    [Symbol.dispose]() {
      if (own === undefined) return
      rmSync(lockPath(directory, own.id), { force: true })
      db.run('DELETE FROM leases WHERE id = ?', own.id)
      own.lock.close()
      own = undefined
    },
  }
}

function lockPath(directory: string, id: number): string {
  return join(directory, `${id}.lock`)
}

/** True while the process that holds lease `id` lives. */
function isAlive(directory: string, id: number): boolean {
  // Never created here: a lock whose process just ended would come back, for good.
  const path = lockPath(directory, id)
  const existing = pathToFileURL(path)
  existing.searchParams.set('mode', 'rw')
  let probe: DatabaseSync | undefined
  try {
    probe = new DatabaseSync(existing, { timeout: 0 })
    probe.exec('BEGIN EXCLUSIVE')
    return false
  } catch (error) {
    if (sqliteCode(error) === sqliteBusy) return true
    // Its holder removes it as the last thing it does, before or after it was opened here.
    if ([sqliteCannotOpen, sqliteIoError].includes(sqliteCode(error) ?? 0) && !existsSync(path)) return false
    throw error
  } finally {
    probe?.close()
  }
}

/** Names this run of the kernel; what was not synced to disk in another run is not believed. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
