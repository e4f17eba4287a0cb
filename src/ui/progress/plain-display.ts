import type { Event, TransferEvent, VertexEvent, VertexLogEvent } from '../../base/events.ts'
import { printableLine } from '../../base/printable.ts'
import { humanSize } from '../human.ts'
import type { Progress } from './progress.ts'
import { createLineSplitter } from './step-log.ts'
import type { LineSplitter } from './step-log.ts'

interface Step {
  readonly number: number
  readonly name: string
  startedAt: number
  readonly logs: Readonly<Record<'stdout' | 'stderr', LineSplitter>>
  ended: boolean
}

/** While a transfer goes on it says so this often, in milliseconds; changes of its phase are always said. */
const transferPause = 2000

/**
 * Lines for logs and CI, in docker's form: `#5 [2/4] RUN make`, `#5 0.123 output`, `#5 DONE 1.2s`. A step's heading is said again
 * when another one spoke in between.
 */
export function openPlainDisplay(write: (text: string) => void): Progress {
  const steps = new Map<string, Step>()
  const said = new Map<string, { readonly phase: string; readonly at: number }>()
  let speaker: Step | undefined

  function stepOf(id: string, name: string, at: number): Step {
    const known = steps.get(id)
    if (known !== undefined) return known
    const logs = { stdout: createLineSplitter(), stderr: createLineSplitter() }
    const step = { number: steps.size + 1, name: printableLine(name), startedAt: at, logs, ended: false }
    steps.set(id, step)
    return step
  }

  function say(step: Step, lines: readonly string[]): void {
    if (lines.length === 0) return
    const heading = speaker === step ? '' : `${speaker === undefined ? '' : '\n'}#${step.number} ${step.name}\n`
    speaker = step
    write(heading + lines.map((line) => `#${step.number} ${line}\n`).join(''))
  }

  function onVertex(event: VertexEvent): void {
    if (event.state === 'pending') return
    const step = stepOf(event.id, event.name, event.at)
    if (step.ended) return
    if (event.state === 'running') {
      step.startedAt = event.at
      if (speaker !== step) {
        write(`${speaker === undefined ? '' : '\n'}#${step.number} ${step.name}\n`)
        speaker = step
      }
      return
    }
    for (const stream of ['stdout', 'stderr'] as const) say(step, timed(step, event.at, step.logs[stream].end()))
    step.ended = true
    say(step, [endOf(event, step)])
  }

  function onLog(event: VertexLogEvent): void {
    const step = stepOf(event.id, event.id, event.at)
    say(step, timed(step, event.at, step.logs[event.stream].push(event.data)))
  }

  function onTransfer(event: TransferEvent): void {
    const step = steps.get(event.parent)
    const key = `${event.parent} ${event.item}`
    const before = said.get(key)
    const now = Date.now()
    if (before?.phase === event.phase && now - before.at < transferPause) return
    said.set(key, { phase: event.phase, at: now })
    const line = transferLine(event)
    if (step === undefined) write(`${line}\n`)
    else say(step, [line])
  }

  return {
    emit(event: Event) {
      switch (event.kind) {
        case 'vertex':
          onVertex(event)
          return
        case 'vertex-log':
          onLog(event)
          return
        case 'transfer':
          onTransfer(event)
          return
        case 'notice':
          speaker = undefined
          write(`${event.level === 'warning' ? 'Warning: ' : ''}${printableLine(event.text)}\n`)
      }
    },
    [Symbol.dispose]() {
      if (speaker !== undefined) write('\n')
    },
  }
}

function timed(step: Step, at: number, lines: readonly string[]): readonly string[] {
  const seconds = (Math.max(0, at - step.startedAt) / 1000).toFixed(3)
  return lines.map((line) => `${seconds} ${line}`)
}

function endOf(event: VertexEvent, step: Step): string {
  switch (event.state) {
    case 'cached':
      return 'CACHED'
    case 'failed':
      return `ERROR: ${printableLine(event.error ?? 'failed')}`
    case 'cancelled':
      return 'CANCELED'
    case 'pending':
    case 'running':
    case 'done':
      return `DONE ${(Math.max(0, event.at - step.startedAt) / 1000).toFixed(1)}s`
  }
}

/** `sha256:0123… 1.2MB / 3.4MB downloading`. */
function transferLine(event: TransferEvent): string {
  const size =
    event.total === undefined ? humanSize(event.done) : `${humanSize(event.done)} / ${humanSize(event.total)}`
  const amount = event.done > 0 || event.total !== undefined ? ` ${size}` : ''
  return `${printableLine(event.item)}${amount} ${event.phase}${event.note === undefined ? '' : ` (${printableLine(event.note)})`}`
}
