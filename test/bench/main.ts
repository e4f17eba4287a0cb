/**
 * `npm run bench`: times the jobs that must be fast, beside floors that the same machine sets in the same run. `-- --growth` measures
 * how cost grows instead. `--only=files,layers` takes these quantities alone: the points that were measured of the same build before are
 * kept, and once all quantities are there the tables go into docs/performance.md and the drawing beside it. `--quick` takes a tenth of the
 * data, and changes no document. Figures are medians; the table goes to the terminal, everything to .cache/bench.json or .cache/growth.json.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { humanSize } from '../../src/ui/human.ts'
import { alignTable } from '../../src/ui/table.ts'
import { startRegistry } from '../helpers/registry.ts'
import { projectHome, standIns } from '../helpers/tsbuild.ts'
import { addPoint, readGrowth, writeGrowthDocument } from './growth-results.ts'
import { fullSteps, measureGrowth, quantities, quickSteps } from './growth.ts'
import type { Point } from './growth.ts'
import { runJobs } from './jobs.ts'
import type { Row, Scale } from './jobs.ts'
import { median } from './measure.ts'
import { plotGrowth } from './plot.ts'

const quick = process.argv.includes('--quick')
/** Names of quantities. */
const only = process.argv
  .find((word) => word.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',')
const growthFile = join(projectHome, '.cache', quick ? 'growth-quick.json' : 'growth.json')
const scale: Scale = quick
  ? { files: 5000, layers: 6, layerBytes: 10e6, rounds: 10 }
  : { files: 50_000, layers: 6, layerBytes: 100e6, rounds: 20 }

const rows: Row[] = []
const growing = process.argv.includes('--growth')
let growth = readGrowth(growthFile, growing ? buildName() : '')
const folder = await mkdtemp(join(tmpdir(), 'tsbuild-bench-'))
try {
  await using hub = await startRegistry({ seed: standIns })
  if (growing) {
    await measureGrowth({ folder, hub, steps: quick ? quickSteps : fullSteps, report }, only)
  } else {
    await runJobs({ folder, hub, scale }, (row) => {
      rows.push(row)
      process.stderr.write(`${row.job}: ${milliseconds(median(row.measured))}\n`)
    })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
  if (growing) showGrowth()
  else show()
}

/** What is measured: `tsbuild version 0.1.0, build d57d931fe8`. */
function buildName(): string {
  return execFileSync(join(projectHome, 'bin/tsbuild'), ['--version'], { encoding: 'utf8' }).trim()
}

/** Kept at once, so that a run that is stopped can go on. */
function report(quantity: string, job: string, point: Point): void {
  const times = `${milliseconds(point.ms)}, CPU ${milliseconds(point.cpu)}`
  process.stderr.write(`${quantity} ${point.amount}: ${job}: ${times}, ${humanSize(point.peak)}\n`)
  growth = addPoint(growth, quantity, job, point)
  save(growthFile, growth)
}

function showGrowth(): void {
  const { series } = growth
  const lines = series.map(({ quantity, job, points }) => [
    quantity,
    job,
    points.map(({ amount, ms, peak }) => `${amount}: ${milliseconds(ms)}, ${humanSize(peak)}`).join('; '),
  ])
  process.stdout.write(`\n${alignTable([['QUANTITY', 'JOB', 'AMOUNT: TIME, PEAK MEMORY'], ...lines])}`)
  const measured = new Set(series.map(({ quantity }) => quantity)).size
  const all = Object.keys(quantities).length
  if (quick) writeFileSync(join(projectHome, '.cache/growth.svg'), plotGrowth(series))
  else if (measured === all) writeGrowthDocument(series)
  else process.stdout.write(`\n${measured} of ${all} quantities; the documents are written when all are measured\n`)
}

function show(): void {
  const lines = rows.map(({ job, measured, floor }) => [
    job,
    milliseconds(measured.times[0]!),
    milliseconds(median(measured)),
    floor === undefined
      ? ''
      : `${(median(measured) / floor.ms).toFixed(2)} x ${floor.name} (${milliseconds(floor.ms)})`,
    measured.peak === 0 ? '' : humanSize(measured.peak),
  ])
  process.stdout.write(`\n${alignTable([['JOB', 'MIN', 'MEDIAN', 'FLOOR', 'PEAK MEMORY'], ...lines])}`)
  save(join(projectHome, '.cache/bench.json'), { scale, rows })
}

function save(path: string, figures: object): void {
  mkdirSync(join(projectHome, '.cache'), { recursive: true })
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem(), node: process.version }
  const all = { at: new Date().toISOString(), machine, ...figures }
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`)
}

function milliseconds(value: number): string {
  return value < 10_000 ? `${value.toFixed(1)} ms` : `${(value / 1000).toFixed(1)} s`
}
