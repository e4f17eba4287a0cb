import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectHome } from '../helpers/tsbuild.ts'
import { short } from './amounts.ts'
import type { Point, Series } from './growth.ts'
import { plotGrowth } from './plot.ts'

/** What was measured so far of one build of tsbuild; a growth may be measured one quantity at a time. */
export interface GrowthResults {
  readonly build: string
  readonly series: readonly Series[]
}

/** The kept results when they are of this build, else none. */
export function readGrowth(path: string, build: string): GrowthResults {
  const kept = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Partial<GrowthResults>) : {}
  return kept.build === build && kept.series !== undefined ? { build, series: kept.series } : { build, series: [] }
}

/** The results with one more point; one of the same amount is replaced. */
export function addPoint({ build, series }: GrowthResults, quantity: string, job: string, point: Point): GrowthResults {
  const same = (one: Series): boolean => one.quantity === quantity && one.job === job
  const known = series.find(same)?.points ?? []
  const points = [...known.filter(({ amount }) => amount !== point.amount), point].toSorted(
    (a, b) => a.amount - b.amount,
  )
  const grown = { quantity, job, points }
  return { build, series: series.some(same) ? series.map((one) => (same(one) ? grown : one)) : [...series, grown] }
}

const start = '<!-- growth: written by npm run bench -- --growth -->'
const end = '<!-- end of growth -->'

/** Puts the tables between their marks in docs/performance.md, and the plot beside it. */
export function writeGrowthDocument(series: readonly Series[]): void {
  const path = join(projectHome, 'docs/performance.md')
  const text = readFileSync(path, 'utf8')
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no place for the growth`)
  writeFileSync(path, `${text.slice(0, from + start.length)}\n\n${tables(series)}\n${text.slice(to)}`)
  writeFileSync(join(projectHome, 'docs/growth.svg'), plotGrowth(series))
}

function tables(series: readonly Series[]): string {
  return [...new Set(series.map(({ quantity }) => quantity))]
    .map((quantity) =>
      table(
        quantity,
        series.filter((one) => one.quantity === quantity),
      ),
    )
    .join('\n')
}

function table(quantity: string, rows: readonly Series[]): string {
  const amounts = [...new Set(rows.flatMap(({ points }) => points.map(({ amount }) => amount)))].toSorted(
    (a, b) => a - b,
  )
  const cells = (points: readonly Point[]): readonly string[] =>
    amounts.map((amount) => {
      const point = points.find((one) => one.amount === amount)
      return point === undefined ? '' : `${time(point.ms)} (${time(point.cpu)}), ${Math.round(point.peak / 1e6)} MB`
    })
  const lines = [
    [quantity, ...amounts.map(short)],
    ['---', ...amounts.map(() => '---')],
    ...rows.map(({ job, points }) => [job, ...cells(points)]),
  ]
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('')
}

function time(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`
}
