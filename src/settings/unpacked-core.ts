import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import { makeDirectories } from '../base/make-directories.ts'

export interface EmbeddedCore {
  /** `core-` and what tells it from those of other releases. */
  readonly name: string
  readonly content: Uint8Array
}

const day = 24 * 60 * 60 * 1000
/** One that was used is touched once a day; those of releases that nobody has started for so long go. */
const unusedFor = 30 * day

/**
 * Path of the core in the first of the folders that has it or takes it. Cores that were left behind go when ours is written, and once a day.
 * A file there counts only when nobody else could have written it. NATIVE_MISSING when no folder takes it.
 */
export function unpackedCore(core: EmbeddedCore, folders: readonly string[], now: number = Date.now()): string {
  const present = folders.find((folder) => isUsable(join(folder, core.name), core.content.length, now))
  const folder = present ?? folders.find((one) => wrote(one, core))
  if (folder === undefined) {
    throw new TsbuildError(
      'NATIVE_MISSING',
      `Cannot unpack the native core: none of ${folders.join(', ')} can be written`,
      {
        hint: 'Let XDG_CACHE_HOME name a folder that can, or TSBUILD_CORE a native core',
      },
    )
  }
  return join(folder, core.name)

  function isUsable(path: string, size: number, at: number): boolean {
    const found = statSync(path, { throwIfNoEntry: false })
    const trusted = found !== undefined && (found.uid === 0 || found.uid === process.getuid?.())
    if (!trusted || !found.isFile() || found.size !== size || (found.mode & 0o022) !== 0) return false
    return at - found.mtimeMs < day || touched(path, at)
  }

  /** False when another process has taken it away meanwhile. */
  function touched(path: string, at: number): boolean {
    try {
      utimesSync(path, at / 1000, at / 1000)
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return false
      return true // not ours to touch: the owner's processes do
    }
    removeUnused(join(path, '..'), core.name, at)
    return true
  }

  function wrote(into: string, { name, content }: EmbeddedCore): boolean {
    const temporary = join(into, `.${name}.${randomBytes(6).toString('hex')}`)
    try {
      makeDirectories(into, 0o700)
      writeFileSync(temporary, content, { mode: 0o755, flag: 'wx' })
      renameSync(temporary, join(into, name))
    } catch (error) {
      if (hasErrno(error, 'EACCES', 'EROFS', 'ENOSPC', 'ENOENT', 'ENOTDIR', 'EPERM', 'EEXIST')) return false
      throw error
    }
    removeUnused(into, name, now)
    return true
  }
}

/** Cores of other releases that nobody has used for long, and what a writer that was killed has left. */
function removeUnused(folder: string, own: string, now: number): void {
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    if (name.startsWith('.core-')) {
      if (lastUse(path, now) < now - day) rmSync(path, { force: true })
    } else if (name.startsWith('core-') && name !== own && lastUse(path, now) < now - unusedFor && !isRunning(path)) {
      removeUntouched(folder, name, now)
    }
  }
}

/** Takes it aside first: one that is touched at this moment goes back to its name. */
function removeUntouched(folder: string, name: string, now: number): void {
  const aside = join(folder, `.${name}.${randomBytes(6).toString('hex')}`)
  try {
    renameSync(join(folder, name), aside)
    if (lastUse(aside, now) < now - unusedFor) rmSync(aside)
    else renameSync(aside, join(folder, name))
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'EROFS')) throw error
  }
}

/** Releases that touch nothing are known by the time of access, which starting a program sets. `now` for what is gone. */
function lastUse(path: string, now: number): number {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() === true ? Math.max(found.mtimeMs, found.atimeMs) : now
}

/** The kernel lets nobody write to a program that runs. */
function isRunning(path: string): boolean {
  try {
    closeSync(openSync(path, 'r+'))
    return false
  } catch {
    return true
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
