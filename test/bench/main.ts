/**
 * `npm run bench`: times the jobs that must be fast, beside floors that the same machine sets in the same run. `-- --quick` takes a
 * tenth of the data. Figures are medians; the table goes to the terminal, everything to .cache/bench.json.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { humanSize } from '../../src/ui/human.ts'
import { alignTable } from '../../src/ui/table.ts'
import { startRegistry } from '../helpers/registry.ts'
import { projectHome, standIns } from '../helpers/tsbuild.ts'
import { runJobs } from './jobs.ts'
import type { Row, Scale } from './jobs.ts'
import { median } from './measure.ts'

const quick = process.argv.includes('--quick')
const scale: Scale = quick
  ? { files: 5000, layers: 6, layerBytes: 10e6, rounds: 10 }
  : { files: 50_000, layers: 6, layerBytes: 100e6, rounds: 20 }

const rows: Row[] = []
const folder = await mkdtemp(join(tmpdir(), 'tsbuild-bench-'))
try {
  await using hub = await startRegistry({ seed: standIns })
  await runJobs({ folder, hub, scale }, (row) => {
    rows.push(row)
    process.stderr.write(`${row.job}: ${milliseconds(median(row.measured))}\n`)
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
  show()
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
  mkdirSync(join(projectHome, '.cache'), { recursive: true })
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem(), node: process.version }
  writeFileSync(
    join(projectHome, '.cache/bench.json'),
    `${JSON.stringify({ at: new Date().toISOString(), machine, scale, rows }, null, 2)}\n`,
  )
}

function milliseconds(value: number): string {
  return value < 10_000 ? `${value.toFixed(1)} ms` : `${(value / 1000).toFixed(1)} s`
}
