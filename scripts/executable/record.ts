/**
 * Runs the bundle in a folder as the executable will run it and keeps the code that V8 made of each chunk, lazily compiled functions
 * included: record.ts BUNDLE ENTRY CODE ARGUMENT... Of several runs the largest code of a chunk stays.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Script } from 'node:vm'
import { createChunkLoader } from '../../src/cli/start/chunk-loader.ts'

const [bundle, entry, code, ...args] = process.argv.slice(2) as [string, string, string, ...string[]]
process.argv.splice(2, Infinity, ...args)
const scripts = new Map<string, Script>()
process.on('exit', () => {
  for (const [name, script] of scripts) {
    const path = join(code, `${name}.code`)
    const made = script.createCachedData()
    if (!existsSync(path) || statSync(path).size < made.length) writeFileSync(path, made)
  }
})
const load = createChunkLoader({
  path: (name) => join(bundle, name),
  text: (name) => readFileSync(join(bundle, name), 'utf8'),
  code: () => undefined,
  loaded: (name, script) => void scripts.set(name, script),
})
load(`./${entry}`)
