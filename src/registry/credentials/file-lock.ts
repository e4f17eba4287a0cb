import { closeSync, futimesSync, fstatSync, openSync, rmSync, statSync } from 'node:fs'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import type { Timing } from '../transport/timing.ts'
import { systemTiming } from '../transport/timing.ts'

/** Who holds a lock says so more often than this: who made an older one has died. */
const stale = 10_000
const pause = 20

/**
 * Keeps other tsbuild processes from changing the file at `path` until it is disposed: two logins at once would lose one. Lies beside
 * the file; one that a killed process left is taken over. Error: CREDENTIALS_INVALID where nothing
 * can be written; the signal's reason.
 */
export async function lockFile(
  path: string,
  signal: AbortSignal,
  timing: Pick<Timing, 'now' | 'sleep'> = systemTiming,
): Promise<Disposable> {
  const lock = `${path}.tsbuild-lock`
  for (;;) {
    try {
      const file = create(lock)
      if (file !== undefined) return held(lock, file, timing)
      if (!takeOver(lock, timing.now())) await timing.sleep(pause, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw new TsbuildError('CREDENTIALS_INVALID', `Cannot change the logins in "${path}"`, { cause: error })
    }
  }
}

function create(path: string): number | undefined {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return undefined
    throw error
  }
}

/** The descriptor stays open: the inode number of a lock that somebody took over is not given to another one meanwhile. */
function held(lock: string, file: number, timing: Pick<Timing, 'now'>): Disposable {
  const { ino } = fstatSync(file)
  const beat = setInterval(() => futimesSync(file, timing.now() / 1000, timing.now() / 1000), stale / 4).unref()
  return {
    [Symbol.dispose]() {
      clearInterval(beat)
      if (statSync(lock, { throwIfNoEntry: false })?.ino === ino) rmSync(lock, { force: true })
      closeSync(file)
    },
  }
}

/** Removes a lock whose maker has died. Several may see it at once: who makes the claim, which is named for that very lock, looks again and removes it. */
function takeOver(lock: string, now: number): boolean {
  const seen = identity(lock)
  if (seen === undefined) return true
  if (now - seen.since <= stale) return false
  const claim = `${lock}-${seen.name}`
  const file = create(claim)
  if (file === undefined) {
    const claimed = statSync(claim, { throwIfNoEntry: false })
    if (claimed !== undefined && now - claimed.mtimeMs > stale) rmSync(claim, { force: true })
    return false
  }
  closeSync(file)
  if (identity(lock)?.name === seen.name) rmSync(lock, { force: true })
  rmSync(claim, { force: true })
  return true
}

function identity(lock: string): { readonly name: string; readonly since: number } | undefined {
  const found = statSync(lock, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? undefined : { name: `${found.ino}-${found.ctimeNs}`, since: Number(found.mtimeMs) }
}
