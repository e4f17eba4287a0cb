import type { AttachIo, TerminalSize } from '../../container/attach.ts'
import type { CommandContext } from '../command.ts'
import type { InputStream, OutputStream } from '../../ui/terminal.ts'
import { writeAll } from '../write-all.ts'

export interface AttachChoice {
  readonly tty: boolean
  /** The caller's stdin goes to the container. */
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly detachKeys: Uint8Array
  /** Signals that reach this process go to the container. */
  readonly sigProxy: boolean
}

/** Signals that stay with this process, or that the kernel sends for other reasons. */
const notProxied = new Set(['SIGCHLD', 'SIGPIPE', 'SIGURG', 'SIGWINCH'])

/**
 * The command line's end of an attached container. With a terminal, the caller's is raw while it is attached, so that every key
 * reaches the container, and its size follows.
 */
export function openAttachIo(context: CommandContext, choice: AttachChoice): AttachIo & Disposable {
  const { terminal } = context
  const stack = new DisposableStack()
  // Opening a stream takes a millisecond: only those that are used are.
  const stdin = choice.stdin ? terminal.stdin : undefined
  const raw = choice.tty && stdin?.isTTY === true
  if (stdin !== undefined) stack.defer(() => void stdin.pause())
  const resizing = choice.tty && terminal.isTty(1)
  const io: AttachIo = {
    stdin: stdin === undefined ? null : (stdin as AsyncIterable<Uint8Array>),
    stdout: choice.stdout ? (chunk) => writeAll(terminal.stdout, chunk) : null,
    stderr: choice.stderr ? (chunk) => writeAll(terminal.stderr, chunk) : null,
    detachKeys: choice.tty ? choice.detachKeys : new Uint8Array(),
    ...(raw ? { terminal: { fd: 0, enter: () => rawInput(stdin) } } : {}),
    ...(resizing ? { onResize: (listener: (size: TerminalSize) => void) => watchSize(terminal.stdout, listener) } : {}),
    ...(choice.sigProxy && !raw
      ? { onSignal: (listener: (signal: string) => void) => proxySignals(context, listener) }
      : {}),
  }
  return { ...io, [Symbol.dispose]: () => stack.dispose() }
}

function rawInput(stdin: InputStream): Disposable {
  stdin.setRawMode?.(true)
  return { [Symbol.dispose]: () => void stdin.setRawMode?.(false) }
}

function proxySignals(context: CommandContext, listener: (signal: string) => void): Disposable {
  return context.takeSignals((signal) => {
    if (!notProxied.has(signal)) listener(signal)
  })
}

function watchSize(stdout: OutputStream, listener: (size: TerminalSize) => void): Disposable {
  const tell = (): void => {
    const { rows, columns } = stdout
    if (rows !== undefined && columns !== undefined && rows > 0) listener({ rows, cols: columns })
  }
  tell()
  stdout.on('resize', tell)
  return { [Symbol.dispose]: () => void stdout.off('resize', tell) }
}
