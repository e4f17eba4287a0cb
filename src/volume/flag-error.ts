import { posix } from 'node:path'
import { TsbuildError } from '../base/errors.ts'

/** A USAGE error in docker's words for a malformed flag value. */
export function invalidMount(flag: string, value: string, why: string, hint?: string): TsbuildError {
  return new TsbuildError('USAGE', `invalid value "${value}" for ${flag}: ${why}`, hint === undefined ? {} : { hint })
}

/** The cleaned place of a mount inside the container; it must be absolute and not the root. */
export function mountTarget(flag: string, value: string, target: string): string {
  if (!target.startsWith('/')) {
    throw invalidMount(flag, value, `the path inside the container "${target}" is not absolute`)
  }
  const clean = posix.normalize(target).replace(/(.)\/$/, '$1')
  if (clean === '/') throw invalidMount(flag, value, 'the root of the container cannot be a mount point')
  return clean
}

/** docker's grammar of volume names. */
export function isVolumeName(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text) && text.length <= 255
}
