import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Script } from 'node:vm'
import { expect, it } from 'vitest'
import { openCodeCache } from '../../src/cli/start/code-cache.ts'
import { tempDir } from '../build/temp-dir.ts'

const source =
  'function chosen(which) { return which === 1 ? one() : two() }\nfunction one() { return 1 }\nfunction two() { return 2 }\nchosen'

/** One run of a bundle: what it loads before it knows its command, then what the command loads. */
function run(folder: string, start: string, own: readonly string[]): ReadonlyMap<string, boolean> {
  const cache = openCodeCache(folder)
  const warm = new Map<string, boolean>()
  const load = (name: string): void => {
    const cachedData = cache.read(name)
    const script = new Script(source, { filename: name, ...(cachedData === undefined ? {} : { cachedData }) })
    warm.set(name, cachedData !== undefined && script.cachedDataRejected === false)
    cache.loaded(name, script)
  }
  load(start)
  cache.enterCommand()
  for (const name of own) load(name)
  cache.save()
  return warm
}

it('each command keeps its own code of what it shares with others', () => {
  const folder = join(tempDir(), 'code-v1')
  expect(run(folder, 'start-a.cjs', ['build-b.cjs', 'engine-c.cjs']).get('engine-c.cjs')).toBe(false)
  // Another command calls other functions of the shared chunk: the code of the first would be of little use to it.
  const other = run(folder, 'start-a.cjs', ['run-d.cjs', 'engine-c.cjs'])
  expect(Object.fromEntries(other)).toEqual({ 'start-a.cjs': true, 'run-d.cjs': false, 'engine-c.cjs': false })
  for (const command of ['build-b.cjs', 'run-d.cjs'])
    expect([...run(folder, 'start-a.cjs', [command, 'engine-c.cjs']).values()]).toEqual([true, true, true])
})

it('code of old releases goes when other code is written, also that of another Node', () => {
  const folder = join(tempDir(), 'code-v2')
  const aside = join(dirname(folder), 'code-v1')
  run(folder, 'start-a.cjs', ['build-b.cjs'])
  run(folder, 'start-a.cjs', ['run-d.cjs'])
  run(aside, 'start-old.cjs', [])
  mkdirSync(join(dirname(folder), 'other'))
  writeFileSync(join(dirname(folder), 'other/file'), '')
  const old = new Date('2020-01-01')
  for (const path of ['build-b/build-b.cjs', 'start/start-a.cjs']) utimesSync(join(folder, path), old, old)
  utimesSync(join(aside, 'start/start-old.cjs'), old, old)
  run(folder, 'start-e.cjs', [])
  expect(filesIn(folder)).toEqual(['run-d/run-d.cjs', 'start/start-e.cjs'])
  expect(filesIn(aside)).toEqual([])
  expect(filesIn(join(dirname(folder), 'other'))).toEqual(['file'])
})

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map((entry) => relative(folder, join(entry.parentPath, entry.name))).toSorted()
}
