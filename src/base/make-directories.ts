import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { hasErrno } from './errors.ts'

/**
 * Makes a directory and those above it that are missing, as `mkdir -p` does it. For places that the user names: Node's own `recursive` never ends where the kernel says
 * ENOENT below a directory that is there, as in /proc.
 */
export function makeDirectories(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if (hasErrno(error, 'EEXIST') && statSync(path).isDirectory()) return
    const parent = dirname(path)
    if (!hasErrno(error, 'ENOENT') || existsSync(parent)) throw error
    makeDirectories(parent, mode)
    makeDirectories(path, mode)
  }
}
