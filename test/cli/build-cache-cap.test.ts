import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
const cap = 12_000_000
const part = 2_000_000

beforeAll(() => {
  cli = openCli()
  writeFileSync(cli.environment['TSBUILD_CONFIG']!, JSON.stringify({ 'keep-storage': cap }))
})
afterAll(() => cli[Symbol.asyncDispose]())

/** A context whose two steps make a layer each of a size of their own, the second upon the first. */
function context(name: string): string {
  const noise = (): string => Array.from({ length: part / 10 }, () => Math.random().toFixed(8)).join('')
  return cli.files(`context-${name}`, { Dockerfile: 'FROM scratch\nCOPY a /a\nCOPY b /b\n', a: noise(), b: noise() })
}

function bytesBelow(...folders: readonly string[]): number {
  return folders
    .flatMap((folder) =>
      readdirSync(join(cli.root, folder), { recursive: true }).map((name) => join(cli.root, folder, String(name))),
    )
    .reduce((sum, path) => sum + statSync(path).blocks * 512, 0)
}

interface Item {
  readonly ID: string
  readonly Reclaimable: boolean
  readonly Parents: readonly string[]
}

async function items(): Promise<readonly Item[]> {
  const lines = (await cli.ok('builder', 'du', '--format', 'json')).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Item)
}

it('the cache stays below its cap, packed layers included, and the newest is what stays', async () => {
  for (let round = 0; round < 5; round++) {
    const folder = context(String(round))
    // An archive makes blobs of the layers, and no image that would hold them.
    await cli.ok('build', '-q', '-o', `type=oci,dest=${join(cli.folder, 'x.tar')}`, folder)
    expect(bytesBelow('snapshots', 'blobs')).toBeLessThan(cap)
  }
  expect(
    (
      await cli.run(['build', '--progress', 'plain', '-o', 'type=cacheonly', join(cli.folder, 'context-4')])
    ).stderr.match(/^#\d+ CACHED$/gm),
  ).toHaveLength(2)
})

it('what a prune is to keep counts what is really there: a layer below another is free only after it', async () => {
  const before = bytesBelow('snapshots', 'blobs')
  await cli.ok('builder', 'prune', '-f', '--max-used-space', String(Math.floor(before / 2)))
  const after = bytesBelow('snapshots', 'blobs')
  // The store's own folders take a block each.
  expect(after).toBeLessThan(before / 2 + 16 * 1024)
  expect(after).toBeGreaterThan(0)
  expect(await cli.ok('builder', 'prune', '-f', '--max-used-space', String(before), '--min-free-space', '1')).toBe(
    'Total:\t0B\n',
  )
  expect(await cli.ok('builder', 'prune', '-f', '--min-free-space', '1000t', '--reserved-space', String(before))).toBe(
    'Total:\t0B\n',
  )
  await cli.ok('builder', 'prune', '-f', '--min-free-space', '1000t')
  expect(await items()).toEqual([])
  expect(bytesBelow('snapshots')).toBeLessThan(part)
})

it('an image keeps its layers from the prune, and is told of as not reclaimable', async () => {
  await cli.ok('build', '-q', '-t', 'kept', context('kept'))
  const [lower, upper] = (await items()).toSorted((a, b) => Number(a.ID) - Number(b.ID))
  expect(upper).toMatchObject({ Reclaimable: false, Parents: [lower?.ID] })
  expect(await cli.ok('builder', 'prune', '-f')).toBe('Total:\t0B\n')
  await cli.ok('save', '-o', join(cli.folder, 'kept.tar'), 'kept')
})

it('records of builds stay within their number and bytes', async () => {
  const folder = cli.files('small', { Dockerfile: 'FROM scratch\nCOPY small /\n', small: '' })
  await cli.ok('build', '-q', folder)
  const builds = join(cli.root, 'builds')
  mkdirSync(builds, { recursive: true })
  const old = join(builds, 'orphan.log')
  writeFileSync(old, 'x')
  utimesSync(old, 0, 0)
  const [newest] = (await cli.ok('builds', 'ls', '-q')).split('\n')
  writeFileSync(join(builds, `${newest}.log`), Buffer.alloc(65 * 1024 ** 2))
  writeFileSync(join(folder, 'small'), 'changed')
  await cli.ok('build', '-q', folder)
  expect(readdirSync(builds)).toEqual([])
})
