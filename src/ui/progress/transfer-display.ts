import type { Event, TransferEvent } from '../../base/events.ts'
import { printableLine } from '../../base/printable.ts'
import { humanSize } from '../human.ts'
import { sizeOf } from '../terminal.ts'
import type { OutputStream, Terminal } from '../terminal.ts'
import { fitWidth } from '../text-width.ts'
import { openLiveRegion } from './live-region.ts'
import type { Progress } from './progress.ts'

type Direction = 'pull' | 'push'

/** docker's words for what happens to a layer. */
const words: Readonly<Record<Direction, Readonly<Record<TransferEvent['phase'], string>>>> = {
  pull: {
    waiting: 'Pulling fs layer',
    downloading: 'Downloading',
    verifying: 'Verifying Checksum',
    extracting: 'Extracting',
    pulled: 'Pull complete',
    exists: 'Already exists',
    retrying: 'Retrying',
    uploading: 'Pushing',
    mounted: 'Mounted',
    pushed: 'Pushed',
  },
  push: {
    waiting: 'Preparing',
    downloading: 'Downloading',
    verifying: 'Verifying Checksum',
    extracting: 'Compressing',
    pulled: 'Pull complete',
    exists: 'Layer already exists',
    retrying: 'Retrying',
    uploading: 'Pushing',
    mounted: 'Mounted',
    pushed: 'Pushed',
  },
}

const redrawPause = 100

/**
 * docker's display of pull and push: one line per layer. On a terminal lines change in place; elsewhere each change of a layer's
 * phase is one line. Notices (`latest: Pulling from library/x`) are lines of their own.
 */
export function openTransferDisplay(terminal: Terminal, name: 'stdout' | 'stderr', direction: Direction): Progress {
  if (terminal.isTty(name === 'stdout' ? 1 : 2)) return openLive(terminal[name], direction)
  return openLog(name === 'stdout' ? terminal.print : terminal.tell, direction)
}

function openLog(write: (text: string) => void, direction: Direction): Progress {
  const said = new Map<string, string>()
  return {
    emit(event: Event) {
      if (event.kind === 'notice') write(`${noticeText(event)}\n`)
      if (event.kind !== 'transfer' || said.get(event.item) === event.phase) return
      said.set(event.item, event.phase)
      write(`${shortName(event.item)}: ${phaseText(event, direction)}\n`)
    },
    [Symbol.dispose]() {},
  }
}

function openLive(stream: OutputStream, direction: Direction): Progress {
  const region = openLiveRegion(stream)
  const layers = new Map<string, TransferEvent>()
  let above: string[] = []
  let changed = false

  function draw(): void {
    if (!changed) return
    const { columns, rows } = sizeOf(stream)
    const lines = [...layers.values()].map((event) => fitWidth(layerLine(event, direction), columns - 1))
    region.draw(above, lines.slice(-Math.max(1, rows - 2)))
    above = []
    changed = false
  }

  const timer = setInterval(draw, redrawPause)
  timer.unref()
  return {
    emit(event) {
      changed = true
      if (event.kind === 'transfer') layers.set(event.item, event)
      if (event.kind !== 'notice') return
      // What comes after the layers (digest, status) belongs below them: they are final now.
      if (layers.size > 0) {
        above.push(...[...layers.values()].map((layer) => layerLine(layer, direction)))
        layers.clear()
      }
      above.push(noticeText(event))
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      above.push(...[...layers.values()].map((layer) => layerLine(layer, direction)))
      if (changed || layers.size > 0) region.draw(above, [])
    },
  }
}

function noticeText(event: Extract<Event, { kind: 'notice' }>): string {
  return `${event.level === 'warning' ? 'Warning: ' : ''}${printableLine(event.text)}`
}

function layerLine(event: TransferEvent, direction: Direction): string {
  const moving = event.phase === 'downloading' || event.phase === 'uploading' || event.phase === 'extracting'
  return `${shortName(event.item)}: ${phaseText(event, direction)}${moving ? ` ${bar(event)}` : ''}`
}

function phaseText(event: TransferEvent, direction: Direction): string {
  const word = words[direction][event.phase]
  if (event.note === undefined) return word
  return event.phase === 'mounted'
    ? `${word} from ${printableLine(event.note)}`
    : `${word} (${printableLine(event.note)})`
}

/** `[=====>      ]  1.2MB/3.4MB`. */
function bar(event: TransferEvent): string {
  if (event.total === undefined || event.total === 0) return humanSize(event.done)
  const width = 30
  const filled = Math.min(width, Math.floor((width * event.done) / event.total))
  const head = filled < width ? '>' : ''
  const drawn = `${'='.repeat(filled)}${head}`.padEnd(width)
  return `[${drawn}] ${humanSize(event.done)}/${humanSize(event.total)}`
}

/** The twelve characters by which docker names a layer. */
function shortName(item: string): string {
  const hex = /^[a-z0-9]+:([0-9a-f]{12})/.exec(item)
  return hex === null ? printableLine(item) : hex[1]!
}
