import { short } from './amounts.ts'
import type { Series } from './growth.ts'

const panel = { width: 340, height: 230, left: 58, right: 12, top: 30, bottom: 40 }
const columns = 2
/** Told apart without colour too, by the labels at the lines' ends. */
const colours = ['#1b6ca8', '#c1502e', '#3d8b37', '#7a4fa3', '#8a6d1c']

/** One panel for each quantity, time over amount, both logarithmic: a line of slope one is linear growth. */
export function plotGrowth(series: readonly Series[]): string {
  const quantities = [...new Set(series.map(({ quantity }) => quantity))]
  const rows = Math.ceil(quantities.length / columns)
  const panels = quantities.map((quantity, at) => {
    const x = (at % columns) * panel.width
    const y = Math.floor(at / columns) * panel.height
    const lines = series.filter((one) => one.quantity === quantity)
    return `<g transform="translate(${x} ${y})">${drawPanel(quantity, lines)}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * panel.width} ${rows * panel.height}" font-family="sans-serif" font-size="10">
<rect width="100%" height="100%" fill="#fff"/>
${panels.join('\n')}
</svg>
`
}

function drawPanel(quantity: string, lines: readonly Series[]): string {
  const points = lines.flatMap((line) => line.points)
  const across = axis(
    points.map(({ amount }) => amount),
    panel.left,
    panel.width - panel.right,
  )
  const up = axis(
    points.map(({ ms }) => ms),
    panel.height - panel.bottom,
    panel.top,
  )
  const frame = `M${panel.left} ${panel.top}V${panel.height - panel.bottom}H${panel.width - panel.right}`
  return [
    `<text x="${panel.left}" y="16" font-weight="bold">time by ${quantity}</text>`,
    `<path d="${frame}" fill="none" stroke="#444"/>`,
    ...across.ticks.map(
      (value) =>
        `<text x="${across.at(value)}" y="${panel.height - panel.bottom + 14}" text-anchor="middle">${short(value)}</text>`,
    ),
    ...up.ticks.map(
      (value) =>
        `<text x="${panel.left - 6}" y="${up.at(value) + 3}" text-anchor="end">${time(value)}</text><path d="M${panel.left} ${up.at(value)}H${panel.width - panel.right}" stroke="#e4e4e4"/>`,
    ),
    ...lines.map((line, at) => drawLine(line, at, across.at, up.at)),
    ...lines.map(
      ({ job }, at) =>
        `<text x="${panel.left + 4 + (at % 3) * 95}" y="${panel.height - 14 + Math.floor(at / 3) * 11}" fill="${colours[at % colours.length]}">${job}</text>`,
    ),
  ].join('')
}

function drawLine({ points }: Series, at: number, x: (value: number) => number, y: (value: number) => number): string {
  const colour = colours[at % colours.length]
  const places = points.map(({ amount, ms }) => `${x(amount).toFixed(1)},${y(ms).toFixed(1)}`)
  const dots = places.map(
    (place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="2" fill="${colour}"/>`,
  )
  return `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}`
}

interface Axis {
  readonly at: (value: number) => number
  /** Powers of ten. */
  readonly ticks: readonly number[]
}

function axis(values: readonly number[], from: number, to: number): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  return {
    at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  }
}

function time(ms: number): string {
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`
}
