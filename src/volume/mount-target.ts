import { posix } from 'node:path'
import { invalidFlag } from '../base/flag-error.ts'

/** The cleaned place of a mount inside the container; it must be absolute and not the root. */
export function mountTarget(flag: string, value: string, target: string): string {
  if (!target.startsWith('/')) {
    throw invalidFlag(flag, value, `the path inside the container "${target}" is not absolute`)
  }
  const clean = posix.normalize(target).replace(/(.)\/$/, '$1')
  if (clean === '/') throw invalidFlag(flag, value, 'the root of the container cannot be a mount point')
  return clean
}
