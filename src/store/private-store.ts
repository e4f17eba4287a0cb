import { chmodSync, closeSync, lstatSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../base/errors.ts'
import { makeDirectories } from '../base/make-directories.ts'

const others = 0o077
/** What earlier versions made. */
const traversable = 0o711

/**
 * Makes the root of a store, or closes one that is there, so that no other user of the machine reaches what lies in it: a layer may hold a program with the setuid
 * bit and the owner root, and whoever can name it can run it (CVE-2021-41091). A root that somebody made beforehand keeps its mode; what we put into it is closed instead.
 */
export function makePrivateStore(root: string): void {
  makeDirectories(root, 0o700)
  const mode = lstatSync(root).mode & 0o7777
  if ((mode & others) === 0) return
  if (mode === traversable) return chmodSync(root, 0o700)
  for (const name of ['blobs', 'caches', 'contexts', 'snapshots', 'volumes']) close(join(root, name), makeDirectory)
  close(join(root, 'meta.db'), makeFile)
}

function close(path: string, make: (path: string) => void): void {
  try {
    make(path)
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
    const { mode } = lstatSync(path)
    if ((mode & others) !== 0) chmodSync(path, mode & 0o7777 & ~others)
  }
}

function makeDirectory(path: string): void {
  mkdirSync(path, { mode: 0o700 })
}

function makeFile(path: string): void {
  closeSync(openSync(path, 'wx', 0o600))
}
