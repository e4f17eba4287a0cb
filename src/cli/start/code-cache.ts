import {
  closeSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Script } from 'node:vm'
import { makeDirectories } from '../../base/make-directories.ts'

/** V8's code of the chunks of a bundle, kept between runs. It is only ever a help: what cannot be read or written is done without. */
export interface CodeCache {
  readonly read: (name: string) => Buffer | undefined
  /** Remembers a chunk that had no code that fits; its code is written by `save`, when its functions were compiled too. */
  readonly loaded: (name: string, script: Script) => void
  /** What all commands load is loaded: the next chunk is the command's own. */
  readonly enterCommand: () => void
  readonly save: () => void
}

/** Code that was made longer ago goes when other is written: no release that is still in use pays more than one slow start a month. */
const keptMs = 30 * 24 * 60 * 60 * 1000

/**
 * The code is that of the functions which the run called that made it: each command has a folder for its chunks, named by the first of them, for
 * another command calls other functions of what they share. Chunks are named by their content, so that a name never means other code; `folder` is one for
 * each version of Node. A file is there whole or not at all: V8 believes what it is given.
 */
export function openCodeCache(folder: string): CodeCache {
  const found = new Set<string>()
  const fresh = new Map<string, Script>()
  const places = new Map<string, string>()
  let command: string | undefined = 'start'

  function placeOf(name: string): string {
    const known = places.get(name)
    if (known !== undefined) return known
    command ??= basename(name, '.cjs')
    const place = join(folder, command, name)
    places.set(name, place)
    return place
  }

  return {
    read(name) {
      try {
        const code = readFileSync(placeOf(name))
        found.add(name)
        return code
      } catch {
        return undefined
      }
    },
    loaded(name, script) {
      if (!found.has(name) || script.cachedDataRejected === true) fresh.set(name, script)
    },
    enterCommand() {
      command = undefined
    },
    save() {
      if (fresh.size === 0) return
      try {
        for (const [name, script] of fresh) write(placeOf(name), script.createCachedData())
        removeOld(folder)
      } catch {
        // A full disk or a folder that cannot be written to: the next run compiles again.
      }
    },
  }
}

function write(path: string, code: Buffer): void {
  makeDirectories(dirname(path), 0o700)
  const temporary = `${path}.${process.pid}`
  const file = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(file, code)
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

/** Code of other releases, here and beside this folder for other versions of Node, and what a killed process left. */
function removeOld(folder: string): void {
  const home = dirname(folder)
  const prefix = basename(folder).replace(/-.*/, '-')
  for (const version of readdirSync(home).filter((name) => name.startsWith(prefix))) {
    for (const entry of readdirSync(join(home, version), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && Date.now() - statSync(path).mtimeMs > keptMs) rmSync(path, { force: true })
    }
  }
}
