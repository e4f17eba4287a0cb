/**
 * `npm run bench`: times the jobs that must be fast, beside floors that the same machine sets in the same run. `-- --growth` measures
 * how cost grows instead (`--only=containers` one quantity), and draws it into docs/growth.svg. `--quick` takes a tenth of the data, and leaves the drawing in .cache. Figures
 * are medians; the table goes to the terminal, everything to .cache/bench.json or .cache/growth.json.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { humanSize } from '../../src/ui/human.ts'
import { alignTable } from '../../src/ui/table.ts'
import { startRegistry } from '../helpers/registry.ts'
import { projectHome, standIns } from '../helpers/tsbuild.ts'
import { fullSteps, measureGrowth, quickSteps } from './growth.ts'
import type { Point, Series } from './growth.ts'
import { runJobs } from './jobs.ts'
import type { Row, Scale } from './jobs.ts'
import { median } from './measure.ts'
import { plotGrowth } from './plot.ts'

const quick = process.argv.includes('--quick')
/** Name of a quantity: a growth of it alone is not drawn into docs/. */
const only = process.argv.find((word) => word.startsWith('--only='))?.slice('--only='.length)
const scale: Scale = quick
  ? { files: 5000, layers: 6, layerBytes: 10e6, rounds: 10 }
  : { files: 50_000, layers: 6, layerBytes: 100e6, rounds: 20 }

const rows: Row[] = []
const series: Series[] = []
const folder = await mkdtemp(join(tmpdir(), 'tsbuild-bench-'))
try {
  await using hub = await startRegistry({ seed: standIns })
  if (process.argv.includes('--growth')) {
    await measureGrowth({ folder, hub, steps: quick ? quickSteps : fullSteps, report: addPoint }, only)
  } else {
    await runJobs({ folder, hub, scale }, (row) => {
      rows.push(row)
      process.stderr.write(`${row.job}: ${milliseconds(median(row.measured))}\n`)
    })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
  if (series.length > 0) showGrowth()
  else show()
}

function addPoint(quantity: string, job: string, point: Point): void {
  process.stderr.write(`${quantity} ${point.amount}: ${job}: ${milliseconds(point.ms)}, ${humanSize(point.peak)}\n`)
  const at = series.findIndex((one) => one.quantity === quantity && one.job === job)
  if (at < 0) series.push({ quantity, job, points: [point] })
  else series[at] = { quantity, job, points: [...series[at]!.points, point] }
}

function showGrowth(): void {
  const lines = series.map(({ quantity, job, points }) => [
    quantity,
    job,
    points.map(({ amount, ms, peak }) => `${amount}: ${milliseconds(ms)}, ${humanSize(peak)}`).join('; '),
  ])
  process.stdout.write(`\n${alignTable([['QUANTITY', 'JOB', 'AMOUNT: TIME, PEAK MEMORY'], ...lines])}`)
  writeFileSync(
    join(projectHome, quick || only !== undefined ? '.cache/growth.svg' : 'docs/growth.svg'),
    plotGrowth(series),
  )
  save('growth.json', { steps: quick ? quickSteps : fullSteps, series })
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
  save('bench.json', { scale, rows })
}

function save(name: string, figures: object): void {
  mkdirSync(join(projectHome, '.cache'), { recursive: true })
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem(), node: process.version }
  const all = { at: new Date().toISOString(), machine, ...figures }
  writeFileSync(join(projectHome, '.cache', name), `${JSON.stringify(all, null, 2)}\n`)
}

function milliseconds(value: number): string {
  return value < 10_000 ? `${value.toFixed(1)} ms` : `${(value / 1000).toFixed(1)} s`
}
