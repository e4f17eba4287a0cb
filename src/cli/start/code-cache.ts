import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Script } from 'node:vm'

/** V8's code of the chunks of a bundle, kept between runs. It is only ever a help: what cannot be read or written is done without. */
export interface CodeCache {
  readonly read: (name: string) => Buffer | undefined
  /** Remembers a chunk that had no code that fits; its code is written by `save`, when its functions were compiled too. */
  readonly loaded: (name: string, script: Script) => void
  readonly save: () => void
}

/**
 * Chunks are named by their content, so that a name never means other code; the folder is one for each version of Node. A file is there
 * whole or not at all: V8 believes what it is given.
 */
export function openCodeCache(folder: string): CodeCache {
  const found = new Set<string>()
  const fresh = new Map<string, Script>()
  return {
    read(name) {
      try {
        const code = readFileSync(join(folder, name))
        found.add(name)
        return code
      } catch {
        return undefined
      }
    },
    loaded(name, script) {
      if (!found.has(name) || script.cachedDataRejected === true) fresh.set(name, script)
    },
    save() {
      try {
        if (fresh.size > 0) mkdirSync(folder, { recursive: true, mode: 0o700 })
        for (const [name, script] of fresh) write(join(folder, name), script.createCachedData())
      } catch {
        // A full disk or a folder that cannot be written to: the next run compiles again.
      }
    },
  }
}

function write(path: string, code: Buffer): void {
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
