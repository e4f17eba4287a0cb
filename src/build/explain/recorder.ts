import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Emit, Event, VertexEvent } from '../../base/events.ts'

/** A step as it was shown. */
export interface RecordedStep {
  readonly id: string
  readonly name: string
  readonly state: VertexEvent['state']
  readonly startedAt?: number
  readonly endedAt?: number
}

/** Listens to the events of a build, to remember times and output of its steps. */
export interface Recorder extends Disposable {
  readonly emit: Emit
  /** In the order in which they were first seen. */
  steps(): readonly RecordedStep[]
}

/** Output beyond this is not kept; the step's own display shows all of it. */
const maxLogBytes = 8 * 1024 * 1024

/** Passes events on; the output of steps goes to `logPath` as well, which is made at the first output. */
export function createRecorder(next: Emit, logPath: () => string): Recorder {
  const steps = new Map<string, RecordedStep>()
  let log: number | undefined
  let written = 0
  let current = ''

  function write(event: Extract<Event, { readonly kind: 'vertex-log' }>): void {
    if (written > maxLogBytes) return
    if (log === undefined) {
      const path = logPath()
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      log = openSync(path, 'w', 0o600)
    }
    if (current !== event.id) {
      current = event.id
      written += writeSync(log, `\n=> ${steps.get(event.id)?.name ?? event.id}\n`)
    }
    written += writeSync(log, event.data)
  }

  return {
    emit(event) {
      if (event.kind === 'vertex') {
        const { id, name, state, at } = event
        const known = steps.get(id)
        const times = state === 'running' ? { startedAt: at } : known?.startedAt === undefined ? {} : { endedAt: at }
        steps.set(id, { ...known, id, name, state, ...times })
      } else if (event.kind === 'vertex-log') write(event)
      next(event)
    },
    steps: () => [...steps.values()],
    [Symbol.dispose]() {
      if (log !== undefined) closeSync(log)
      log = undefined
    },
  }
}
