import { lstatSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { TsbuildError, hasErrno, messageOf } from './errors.ts'

const hint = 'Set XDG_RUNTIME_DIR to a directory of your own'

/**
 * Makes a directory and those above it that are missing, for us alone. In a directory that everybody may write (/tmp) somebody else may have made it before, or a
 * link of that name: what is neither ours nor root's is refused with STORE_DENIED.
 */
export function makePrivateDirectory(path: string): void {
  const parent = dirname(path)
  if (parent === path) return
  makePrivateDirectory(parent)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!hasErrno(error, 'EEXIST'))
      throw new TsbuildError('STORE_DENIED', `Cannot make the directory "${path}": ${messageOf(error)}`, { hint })
  }
  const everybody = 0o002
  if ((lstatSync(parent).mode & everybody) === 0) return
  const found = lstatSync(path)
  if (found.uid === 0 || (found.uid === process.getuid!() && found.isDirectory())) return
  throw new TsbuildError(
    'STORE_DENIED',
    `Cannot use "${path}": it is not a directory of yours, and anybody could have made it`,
    { hint },
  )
}
