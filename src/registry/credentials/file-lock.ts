import { open, rm, stat } from 'node:fs/promises'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import type { Timing } from '../transport/timing.ts'
import { systemTiming } from '../transport/timing.ts'

/** Nobody changes a file of logins for so long: who made the lock has died. */
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
): Promise<AsyncDisposable> {
  const lock = `${path}.tsbuild-lock`
  for (;;) {
    try {
      await (await open(lock, 'wx', 0o600)).close()
      return { [Symbol.asyncDispose]: () => rm(lock, { force: true }) }
    } catch (error) {
      if (!hasErrno(error, 'EEXIST'))
        throw new TsbuildError('CREDENTIALS_INVALID', `Cannot change the logins in "${path}"`, { cause: error })
    }
    const since = await stat(lock).catch(() => undefined)
    if (since !== undefined && timing.now() - since.mtimeMs > stale) await rm(lock, { force: true })
    else await timing.sleep(pause, signal)
  }
}
