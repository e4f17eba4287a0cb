import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engineCacheRecords } from '../../src/engine/builder-cache.ts'
import { openEngine } from '../../src/engine/engine.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { readSettings } from '../../src/settings/read-settings.ts'
import type { Registry } from '../helpers/registry.ts'
import { projectHome } from '../helpers/tsbuild.ts'
import { makeTree, noise } from './data.ts'
import { measure, median } from './measure.ts'
import type { MeasureOptions } from './measure.ts'

/** How one job's cost grows with one quantity. */
export interface Series {
  /** What grows: `files in the context`. */
  readonly quantity: string
  readonly job: string
  readonly points: readonly Point[]
}

export interface Point {
  readonly amount: number
  /** Milliseconds; the median of the rounds. */
  readonly ms: number
  /** Milliseconds of processor time, of the command and the processes that it waited for; the median, too. */
  readonly cpu: number
  /** Most memory of the command, in bytes. */
  readonly peak: number
}

export interface Steps {
  readonly files: readonly number[]
  readonly layers: readonly number[]
  readonly layerBytes: readonly number[]
  readonly images: readonly number[]
  readonly records: readonly number[]
  readonly containers: readonly number[]
}

export const fullSteps: Steps = {
  files: [1000, 10_000, 50_000, 200_000],
  layers: [1, 10, 50, 200],
  layerBytes: [1e6, 50e6, 500e6, 5e9],
  images: [1, 100, 500, 2000],
  records: [1, 1000, 10_000, 100_000],
  containers: [1, 30, 100, 300],
}

export const quickSteps: Steps = {
  files: [1000, 10_000],
  layers: [1, 20],
  layerBytes: [1e6, 20e6],
  images: [1, 100],
  records: [1, 5000],
  containers: [1, 10],
}

export interface Growth {
  readonly folder: string
  readonly hub: Registry
  readonly steps: Steps
  readonly report: (quantity: string, job: string, point: Point) => void
}

const program = join(projectHome, 'bin/tsbuild')
const base = 'debian:bookworm'

export const quantities = { files, layers, layerBytes, images, records, containers } as const

/** Measures every quantity, or those named, in its steps, each in a store of its own. */
export async function measureGrowth(growth: Growth, only: readonly string[] | undefined): Promise<void> {
  for (const [name, grow] of Object.entries(quantities))
    if (only === undefined || only.includes(name)) await grow(growth)
}

type Run = (job: string, args: readonly string[], options?: Partial<MeasureOptions>) => Promise<void>

/** A store that holds the base image, and how commands on it are measured. */
async function openStore(
  { folder, hub, report }: Growth,
  name: string,
): Promise<{ readonly root: string; readonly at: (quantity: string, amount: number) => Run }> {
  const root = join(folder, name)
  const env = { TSBUILD_REGISTRY_MIRRORS: `docker.io=${hub.origin}` }
  const command = (args: readonly string[]): readonly string[] => [program, '--root', root, ...args]
  await measure(command(['pull', base]), { rounds: 1, env })
  return {
    root,
    at: (quantity, amount) => async (job, args, options) => {
      const measured = await measure(command(args), { rounds: 3, env, ...options })
      report(quantity, job, { amount, ms: median(measured), cpu: median({ times: measured.cpu }), peak: measured.peak })
    },
  }
}

async function files(growth: Growth): Promise<void> {
  const { root, at } = await openStore(growth, 'files')
  for (const amount of growth.steps.files) {
    const run = at('files in the context', amount)
    const context = join(growth.folder, `tree-${amount}`)
    const changing = makeTree(join(context, 'tree'), amount)
    writeFileSync(join(context, 'Dockerfile'), `FROM ${base}\nCOPY tree /tree\n`)
    await run('build, cold', ['build', context], { rounds: 1 })
    await run('build, all cached', ['build', context])
    await run('build, one file changed', ['build', context], { before: () => appendFileSync(changing, 'x') })
    rmSync(context, { recursive: true })
  }
  rmSync(root, { recursive: true })
}

async function layers(growth: Growth): Promise<void> {
  const { root, at } = await openStore(growth, 'layers')
  for (const amount of growth.steps.layers) {
    const run = at('layers of an image', amount)
    const context = join(growth.folder, `layers-${amount}`)
    mkdirSync(context)
    writeFileSync(join(context, 'file'), 'x')
    const lines = Array.from({ length: amount }, (_, index) => `COPY file /f${index}`)
    writeFileSync(join(context, 'Dockerfile'), `FROM ${base}\n${lines.join('\n')}\n`)
    const name = `${growth.hub.host}/layers:${amount}`
    await run('build, cold', ['build', '-t', name, '--no-cache', context], { rounds: 1 })
    await run('build, all cached', ['build', '-t', name, context])
    await run('run --rm true', ['run', '--rm', name, 'true'])
    await run('push', ['push', name], { rounds: 1 })
  }
  rmSync(root, { recursive: true })
}

async function layerBytes(growth: Growth): Promise<void> {
  const { root, at } = await openStore(growth, 'bytes')
  const block = noise(1e6, 3)
  for (const amount of growth.steps.layerBytes) {
    const run = at('bytes of a layer', amount)
    const context = join(growth.folder, `bytes-${amount}`)
    mkdirSync(context)
    const file = join(context, 'file')
    for (let written = 0; written < amount; written += block.length) appendFileSync(file, block)
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY file /file\n')
    const name = `${growth.hub.host}/bytes:${amount}`
    await run('build, cold', ['build', '-t', name, context], { rounds: 1 })
    rmSync(context, { recursive: true })
    await run('push', ['push', name], { rounds: 1 })
    const other = join(growth.folder, 'pulled')
    await run('pull into an empty store', ['--root', other, 'pull', name], { rounds: 1 })
    rmSync(other, { recursive: true })
  }
  rmSync(root, { recursive: true })
}

/** What every command pays for what lies in the store. */
async function everyday(run: Run, context: string): Promise<void> {
  await run('build, all cached', ['build', '-t', 'everyday', context])
  await run('images', ['images'])
  await run('run --rm true', ['run', '--rm', base, 'true'])
}

function smallContext({ folder }: Growth): string {
  const context = join(folder, 'small')
  mkdirSync(context, { recursive: true })
  writeFileSync(join(context, 'Dockerfile'), `FROM ${base}\nCOPY Dockerfile /\nRUN true\n`)
  return context
}

async function images(growth: Growth): Promise<void> {
  const { root, at } = await openStore(growth, 'images')
  const context = smallContext(growth)
  let made = 0
  for (const amount of growth.steps.images) {
    await using engine = await engineAt(root)
    for (; made < amount; made++) await makeImage(engine, made)
    await everyday(at('images in the store', amount), context)
  }
  rmSync(root, { recursive: true })
}

async function makeImage({ images: service, settings }: Engine, index: number): Promise<void> {
  await service.create({
    config: {
      ...settings.platform,
      config: { Labels: { index: `${index}` } },
      rootfs: { type: 'layers', diff_ids: [] },
    },
    top: null,
    names: [parseReference(`example.com/image${index}:1`)],
    format: 'oci',
  })
}

async function records(growth: Growth): Promise<void> {
  const { root, at } = await openStore(growth, 'records')
  const context = smallContext(growth)
  let made = 0
  for (const amount of growth.steps.records) {
    await using engine = await engineAt(root)
    engine.store.db.transaction(() => {
      const cache = engineCacheRecords(engine)
      for (; made < amount; made++) {
        const facts = [{ name: 'command', value: `["step", "${made}"]` }]
        const inputs = [{ name: 'base', identity: `sha256:${made}` }]
        const record = { definitionKey: `grown-${made}`, kind: 'exec', name: `RUN step ${made}`, facts, inputs }
        cache.save({ ...record, identity: 'scratch', createdAt: made }, null)
      }
    })
    const run = at('records of the build cache', amount)
    await everyday(run, context)
    await run('build, one step to do', ['build', '--no-cache', context])
  }
  rmSync(root, { recursive: true })
}

/** Containers that are started side by side. */
const atOnce = 8

async function containers(growth: Growth): Promise<void> {
  const { root, at } = await openStore(growth, 'containers')
  const context = smallContext(growth)
  const env = { TSBUILD_REGISTRY_MIRRORS: `docker.io=${growth.hub.origin}` }
  const tsbuild = (...args: string[]): Promise<unknown> =>
    measure([program, '--root', root, ...args], { rounds: 1, env })
  let made = 0
  try {
    for (const amount of growth.steps.containers) {
      for (let from = made; from < amount; from += atOnce) {
        const some = Array.from({ length: Math.min(atOnce, amount - from) }, (_, index) => from + index)
        made += some.length
        await Promise.all(some.map((index) => tsbuild('run', '-d', '--name', `grown${index}`, base, 'sleep', '3600')))
      }
      const run = at('running containers', amount)
      await everyday(run, context)
      await run('ps', ['ps'])
      await run('exec true', ['exec', 'grown0', 'true'])
    }
  } finally {
    if (made > 0) await tsbuild('rm', '-f', ...Array.from({ length: made }, (_, index) => `grown${index}`))
  }
  rmSync(root, { recursive: true })
}

async function engineAt(root: string): Promise<Engine> {
  return openEngine(await readSettings({ env: () => undefined, cwd: '/', root }))
}
