/** What `bin/tsbuild` starts: the chunks lie beside it, their code is kept from run to run in a folder that only the user can write to. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createChunkLoader } from './chunk-loader.ts'
import { openCodeCache } from './code-cache.ts'

declare const TSBUILD_ENTRY: string

const cacheHome = process.getuid!() === 0 ? '/var/cache' : (process.env['XDG_CACHE_HOME'] ?? `${homedir()}/.cache`)
const cache = openCodeCache(`${cacheHome}/tsbuild/code-${process.version}-${process.arch}`)
const path = (name: string): string => join(import.meta.dirname, name)
const load = createChunkLoader({
  path,
  text: (name) => readFileSync(path(name), 'utf8'),
  code: cache.read,
  loaded: cache.loaded,
})
process.on('exit', cache.save)
load(TSBUILD_ENTRY)
cache.enterCommand()
