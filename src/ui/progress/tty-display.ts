import type { Event, TransferEvent, VertexEvent } from '../../base/events.ts'
import { printableLine } from '../../base/printable.ts'
import { humanSize } from '../human.ts'
import { createStyle } from '../style.ts'
import type { Style } from '../style.ts'
import { sizeOf } from '../terminal.ts'
import type { Terminal } from '../terminal.ts'
import { fitWidth, textWidth } from '../text-width.ts'
import { openLiveRegion } from './live-region.ts'
import type { Progress } from './progress.ts'
import { createLineSplitter } from './step-log.ts'
import type { LineSplitter } from './step-log.ts'

interface Step {
  readonly name: string
  readonly splitter: LineSplitter
  state: VertexEvent['state']
  startedAt: number
  /** The last lines of its output. */
  lines: readonly string[]
  readonly transfers: Map<string, TransferEvent>
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const redrawPause = 100
/** Lines of output that are kept of a step, for the case that it fails, and that are shown while it runs. */
const kept = 30
const shown = 4

/**
 * The live display of a build: steps that ended scroll away with their time, those that run stand below with the end of their output and
 * their transfers, the last line counts. A step that fails leaves the end of its output on the screen.
 */
export function openTtyDisplay(terminal: Terminal): Progress {
  const style = createStyle(terminal.colour)
  const region = openLiveRegion(terminal.stderr)
  const steps = new Map<string, Step>()
  const openedAt = Date.now()
  let above: string[] = []

  function stepOf(id: string, name: string, at: number): Step {
    const known = steps.get(id)
    if (known !== undefined) return known
    const step: Step = {
      name: printableLine(name),
      splitter: createLineSplitter(),
      state: 'pending',
      startedAt: at,
      lines: [],
      transfers: new Map(),
    }
    steps.set(id, step)
    return step
  }

  function emit(event: Event): void {
    switch (event.kind) {
      case 'vertex':
        onVertex(event)
        return
      case 'vertex-log': {
        const step = stepOf(event.id, event.id, event.at)
        step.lines = [...step.lines, ...step.splitter.push(event.data)].slice(-kept)
        return
      }
      case 'transfer':
        stepOf(event.parent, event.parent, Date.now()).transfers.set(event.item, event)
        return
      case 'notice':
        above.push(`${event.level === 'warning' ? `${style.yellow('!')} ` : ''}${printableLine(event.text)}`)
    }
  }

  function onVertex(event: VertexEvent): void {
    const step = stepOf(event.id, event.name, event.at)
    if (isEnd(step.state)) return
    step.state = event.state
    if (event.state === 'running') step.startedAt = event.at
    if (!isEnd(event.state)) return
    above.push(endLine(step, event, style, sizeOf(terminal.stderr).columns))
    if (event.state !== 'failed') return
    const log = [...step.lines, ...step.splitter.end()].slice(-kept)
    above.push(...log.map((line) => `   ${style.dim('│')} ${line}`))
    above.push(`   ${style.red(printableLine(event.error ?? 'failed'))}`)
  }

  function draw(): void {
    const { columns, rows } = sizeOf(terminal.stderr)
    region.draw(above, liveLines(steps, openedAt, style, columns, Math.max(2, rows - 2)))
    above = []
  }

  const timer = setInterval(draw, redrawPause)
  timer.unref()
  return {
    emit,
    [Symbol.dispose]() {
      clearInterval(timer)
      const total = seconds(Date.now() - openedAt)
      const ended = [...steps.values()].filter(({ state }) => isEnd(state))
      if (steps.size > 0) above.push(style.dim(`${counts(ended)} in ${total}`))
      region.draw(above, [])
      region[Symbol.dispose]()
    },
  }
}

function isEnd(state: VertexEvent['state']): boolean {
  return state !== 'pending' && state !== 'running'
}

function endLine(step: Step, event: VertexEvent, style: Style, columns: number): string {
  const time =
    event.state === 'cached' ? 'cached' : event.state === 'cancelled' ? 'stopped' : seconds(event.at - step.startedAt)
  const mark = { failed: style.red('✘'), cancelled: style.yellow('■') }[event.state as string] ?? style.green('✔')
  return `${mark} ${line(step.name, time, columns - 2, style)}`
}

/** The name left, the time right, in the given columns. */
function line(name: string, time: string, columns: number, style: Style): string {
  const fitted = fitWidth(name, columns - time.length - 2)
  const gap = Math.max(1, columns - 1 - textWidth(fitted) - time.length)
  return `${fitted}${' '.repeat(gap)}${style.dim(time)}`
}

function liveLines(
  steps: ReadonlyMap<string, Step>,
  openedAt: number,
  style: Style,
  columns: number,
  room: number,
): readonly string[] {
  const now = Date.now()
  const frame = frames[Math.floor(now / redrawPause) % frames.length]!
  const running = [...steps.values()].filter(({ state }) => state === 'running')
  const active = running.slice(0, room - 1)
  const spare = Math.max(0, room - 1 - active.length)
  const detail = active.length === 0 ? 0 : Math.min(shown, Math.floor(spare / active.length))
  const lines = active.flatMap((step) => [
    `${style.cyan(frame)} ${line(step.name, seconds(now - step.startedAt), columns - 2, style)}`,
    ...details(step, detail).map((text) => `   ${style.dim(fitWidth(text, columns - 4))}`),
  ])
  if (steps.size === 0) return []
  const ended = [...steps.values()].filter(({ state }) => isEnd(state))
  return [
    ...lines,
    style.bold(fitWidth(`Building ${seconds(now - openedAt)} · ${counts(ended)} of ${steps.size}`, columns - 1)),
  ]
}

function details(step: Step, count: number): readonly string[] {
  const moving = [...step.transfers.values()].filter(
    ({ phase }) => !['pulled', 'pushed', 'exists', 'mounted'].includes(phase),
  )
  return [...moving.map(transferText), ...step.lines].slice(-count).slice(0, count)
}

function transferText(event: TransferEvent): string {
  const share =
    event.total === undefined || event.total === 0 ? '' : ` ${Math.floor((100 * event.done) / event.total)}%`
  const size =
    event.total === undefined ? humanSize(event.done) : `${humanSize(event.done)} of ${humanSize(event.total)}`
  return `${printableLine(event.item).slice(0, 19)} ${event.phase}${share} ${size}${event.note === undefined ? '' : ` (${printableLine(event.note)})`}`
}

function counts(ended: readonly Step[]): string {
  const cached = ended.filter(({ state }) => state === 'cached').length
  return `${ended.length} steps${cached === 0 ? '' : `, ${cached} cached`}`
}

function seconds(ms: number): string {
  const value = Math.max(0, ms) / 1000
  return value < 60 ? `${value.toFixed(1)}s` : `${Math.floor(value / 60)}m${Math.floor(value % 60)}s`
}
