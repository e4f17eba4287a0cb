import { renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectories } from '../base/make-directories.ts'
import { TsbuildError, hasErrno } from '../base/errors.ts'

/** The part of node:sea that gives what is inside the executable. */
interface Assets {
  getRawAsset(name: string): ArrayBuffer
}

/**
 * Path of the native core that the single executable carries: the kernel can only start a file, so it is written into the first folder
 * that takes it, once. `name` holds the core's digest, so that releases do not meet. A file there counts only when nobody else could
 * have written it. NATIVE_MISSING when no folder takes it.
 */
export function embeddedCore(name: string, folders: readonly string[]): string {
  const content = new Uint8Array((process.getBuiltinModule('node:sea') as Assets).getRawAsset('tsbuild-core'))
  const paths = folders.map((folder) => join(folder, name))
  const present = paths.find((path) => isOurs(path, content.length))
  if (present !== undefined) return present
  const written = folders.find((folder) => wrote(folder, name, content))
  if (written !== undefined) return join(written, name)
  throw new TsbuildError(
    'NATIVE_MISSING',
    `Cannot unpack the native core: none of ${folders.join(', ')} can be written`,
    {
      hint: 'Let XDG_CACHE_HOME name a folder that can, or TSBUILD_CORE a native core',
    },
  )
}

function isOurs(path: string, size: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  const trusted = found !== undefined && (found.uid === 0 || found.uid === process.getuid?.())
  return trusted && found.isFile() && found.size === size && (found.mode & 0o022) === 0
}

function wrote(folder: string, name: string, content: Uint8Array): boolean {
  const temporary = join(folder, `.${name}.${process.pid}`)
  try {
    makeDirectories(folder, 0o700)
    writeFileSync(temporary, content, { mode: 0o755, flag: 'wx' })
    renameSync(temporary, join(folder, name))
    return true
  } catch (error) {
    if (hasErrno(error, 'EACCES', 'EROFS', 'ENOSPC', 'ENOENT', 'ENOTDIR', 'EPERM', 'EEXIST')) return false
    throw error
  }
}
