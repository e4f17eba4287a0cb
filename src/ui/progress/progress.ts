import type { Emit, Event } from '../../base/events.ts'
import type { Terminal } from '../terminal.ts'

export const progressModes = ['auto', 'tty', 'plain', 'quiet', 'rawjson', 'none'] as const

/** How a verb's events are shown. `auto` is `tty` on a terminal and `plain` elsewhere; `none` is docker's word for `quiet`. */
export type ProgressMode = (typeof progressModes)[number]

/** Shows events while it is open; disposing it draws the last state. Dispose it before printing results or errors. */
export interface Progress extends Disposable {
  readonly emit: Emit
}

/** Progress of a build: steps with their output, on stderr. Only the display that is asked for is loaded. */
export async function openBuildProgress(mode: ProgressMode, terminal: Terminal): Promise<Progress> {
  const chosen = mode === 'auto' ? (terminal.isTty(2) ? 'tty' : 'plain') : mode
  switch (chosen) {
    case 'tty':
      return (await import('./tty-display.ts')).openTtyDisplay(terminal)
    case 'plain':
      return (await import('./plain-display.ts')).openPlainDisplay((text) => terminal.tell(text))
    case 'rawjson':
      return openJsonDisplay(terminal)
    case 'quiet':
    case 'none':
      return (await import('./quiet-display.ts')).openQuietDisplay((line) => terminal.say(line))
  }
}

export interface TransferProgressOptions {
  readonly direction: 'pull' | 'push'
  /** `pull` and `push` show on stdout, as docker does; a pull on the way to something else on stderr. */
  readonly stream: 'stdout' | 'stderr'
  /** Shows warnings only. */
  readonly quiet?: boolean
  /** One JSON object per event instead. */
  readonly json?: boolean
}

/** Progress of a pull or push in docker's words, one line per layer. */
export async function openTransferProgress(terminal: Terminal, options: TransferProgressOptions): Promise<Progress> {
  if (options.json) return openJsonDisplay(terminal)
  const { openQuietDisplay } = await import('./quiet-display.ts')
  if (options.quiet) return openQuietDisplay((line) => terminal.say(line))
  const { openTransferDisplay } = await import('./transfer-display.ts')
  return openTransferDisplay(terminal, options.stream, options.direction)
}

/** Events as lines of JSON for programs; output of steps as text. */
function openJsonDisplay(terminal: Terminal): Progress {
  return { emit: (event) => terminal.say(JSON.stringify(jsonEvent(event))), [Symbol.dispose]() {} }
}

function jsonEvent(event: Event): object {
  if (event.kind !== 'vertex-log') return event
  const { data, ...rest } = event
  return { ...rest, text: Buffer.from(data).toString('utf8') }
}
