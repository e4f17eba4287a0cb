import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Registry } from '../helpers/registry.ts'
import { projectHome } from '../helpers/tsbuild.ts'
import { makeTree, noise } from './data.ts'
import { measure, median } from './measure.ts'
import type { Measured, MeasureOptions } from './measure.ts'

export interface Scale {
  readonly files: number
  readonly layers: number
  readonly layerBytes: number
  readonly rounds: number
}

export interface Row {
  readonly job: string
  readonly measured: Measured
  /** What the same machine needs at least, and by what it was measured. */
  readonly floor: { readonly name: string; readonly ms: number } | undefined
}

export interface Bench {
  readonly folder: string
  readonly hub: Registry
  readonly scale: Scale
}

const program = join(projectHome, 'bin/tsbuild')

/** Runs all jobs, one after the other; `report` hears of each as it ends. */
export async function runJobs(bench: Bench, report: (row: Row) => void): Promise<void> {
  // The floor of a job is measured beside it: other work on the machine then slows both.
  const add: Add = async (job, measured, floor) =>
    report({ job, measured, floor: floor ?? { name: 'node -e 0', ms: median(await startNode()) } })
  await add('--version', await tsbuild(bench, ['--version'], 20))
  await startUp(bench, add)
  await smallBuild(bench, add)
  await runSteps(bench, add)
  await containers(bench, add)
  await largeContext(bench, add)
  await transfers(bench, add)
}

type Add = (job: string, measured: Measured, floor?: Row['floor']) => Promise<void>

function startNode(): Promise<Measured> {
  return measure([process.execPath, '-e', '0'], { rounds: 15 })
}

function tsbuild(
  bench: Bench,
  args: readonly string[],
  rounds: number,
  options: Partial<MeasureOptions> = {},
): Promise<Measured> {
  const env = { TSBUILD_REGISTRY_MIRRORS: `docker.io=${bench.hub.origin}` }
  return measure([program, '--root', join(bench.folder, 'store'), ...args], { rounds, env, ...options })
}

async function startUp(bench: Bench, add: Add): Promise<void> {
  await tsbuild(bench, ['pull', 'debian:bookworm'], 1)
  await add('images', await tsbuild(bench, ['images'], bench.scale.rounds))
}

async function smallBuild(bench: Bench, add: Add): Promise<void> {
  const context = join(projectHome, 'fixtures/multi-stage')
  const args = ['build', '-t', 'small', context]
  await add('build, cold, two stages', await tsbuild(bench, [...args, '--no-cache'], 3))
  await add('build, all cached, small', await tsbuild(bench, args, bench.scale.rounds))
}

/** What one RUN costs: the difference between a build of eleven and one of one, by ten. */
async function runSteps(bench: Bench, add: Add): Promise<void> {
  const build = async (steps: number): Promise<Measured> => {
    const context = join(bench.folder, `run-${steps}`)
    mkdirSync(context, { recursive: true })
    const lines = Array.from({ length: steps }, (_, index) => `RUN ["true", "${index}"]`)
    writeFileSync(join(context, 'Dockerfile'), `FROM debian:bookworm\n${lines.join('\n')}\n`)
    return tsbuild(bench, ['build', '--no-cache', context], 5)
  }
  const one = await build(1)
  const eleven = await build(11)
  const times = one.times.map((time, index) => (eleven.times[index]! - time) / 10)
  await add('RUN step (10 of 11)', { times, cpu: eleven.cpu, peak: eleven.peak })
}

async function containers(bench: Bench, add: Add): Promise<void> {
  await add('run --rm true', await tsbuild(bench, ['run', '--rm', 'debian:bookworm', 'true'], bench.scale.rounds))
  await add(
    'run --rm --network none true',
    await tsbuild(bench, ['run', '--rm', '--network', 'none', 'debian:bookworm', 'true'], bench.scale.rounds),
  )
}

async function largeContext(bench: Bench, add: Add): Promise<void> {
  const { files } = bench.scale
  const context = join(bench.folder, 'large')
  const changing = makeTree(join(context, 'tree'), files)
  writeFileSync(join(context, 'Dockerfile'), 'FROM debian:bookworm\nCOPY tree /tree\n')
  const args = ['build', '-t', 'large', context]
  const copy = join(bench.folder, 'copy')
  const copied = await measure(['cp', '-a', join(context, 'tree'), copy], { rounds: 1 })
  rmSync(copy, { recursive: true })
  const cp = { name: 'cp -a', ms: median(copied) }
  const walk = {
    name: 'find -printf',
    ms: median(await measure(['find', context, '-printf', '%i %s %T@\\n'], { rounds: 3 })),
  }
  await add(`COPY of ${files} files, cold`, await tsbuild(bench, args, 1), cp)
  await add(`build, all cached, ${files} files`, await tsbuild(bench, args, 5), walk)
  const touch = (): void => appendFileSync(changing, 'x')
  await add(`COPY of ${files} files, one changed`, await tsbuild(bench, args, 3, { before: touch }), cp)
}

async function transfers(bench: Bench, add: Add): Promise<void> {
  const { layers, layerBytes } = bench.scale
  const context = join(bench.folder, 'layers')
  mkdirSync(context, { recursive: true })
  const names = Array.from({ length: layers }, (_, index) => `part${index}`)
  for (const [index, name] of names.entries()) writeFileSync(join(context, name), noise(layerBytes, index + 1))
  writeFileSync(join(context, 'Dockerfile'), `FROM scratch\n${names.map((name) => `COPY ${name} /${name}\n`).join('')}`)
  const name = `${bench.hub.host}/layers:1`
  await tsbuild(bench, ['build', '-t', name, context], 1)
  const megabytes = Math.round((layers * layerBytes) / 1e6)
  const pushed = await tsbuild(bench, ['push', name], 1)
  const gzip = await measure(['sh', '-c', `for part in ${context}/part*; do gzip -6c "$part" | sha256sum; done`], {
    rounds: 1,
  })
  await add(`push ${megabytes} MB, ${layers} layers (compressed on the way)`, pushed, {
    name: 'gzip -6 | sha256sum',
    ms: median(gzip),
  })
  const store = join(bench.folder, 'other')
  const pulled = await measure([program, '--root', store, 'pull', name], {
    rounds: 3,
    before: () => rmSync(store, { recursive: true, force: true }),
  })
  const blobs = join(store, 'blobs/sha256')
  const unpack = await measure(
    ['sh', '-c', `for blob in ${blobs}/*; do gzip -dc "$blob" 2>/dev/null | sha256sum; done`],
    { rounds: 1 },
  )
  await add(`pull and unpack ${megabytes} MB, ${layers} layers`, pulled, {
    name: 'gzip -dc | sha256sum',
    ms: median(unpack),
  })
  const again = `${bench.hub.host}/again:1`
  await measure([program, '--root', store, 'tag', name, again], { rounds: 1 })
  await add(
    `push the same to another repository (mounted)`,
    await measure([program, '--root', store, 'push', again], { rounds: 1 }),
  )
}
