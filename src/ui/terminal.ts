import type { Readable, Writable } from 'node:stream'

/** Where a command reads and writes, and what kind of place that is. */
export interface Terminal {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** Colours are wanted on stderr: it is a terminal, NO_COLOR is unset, TERM is not `dumb`. */
  readonly colour: boolean
  /** Results: what scripts read. Writes the text as it is. */
  print(text: string | Uint8Array): void
  /** A line of results. */
  printLine(line: string): void
  /** A line for people: notices, warnings, errors. */
  say(line: string): void
  /** Text for people, as it is. */
  tell(text: string): void
  /** Whether stdout (1) or stderr (2) is a terminal, told without opening a stream that is none. */
  isTty(descriptor: 1 | 2): boolean
}

export type InputStream = Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown }
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

/** Size of the terminal behind a stream; 80 by 24 when it is not known (0 from a terminal without a size). */
export function sizeOf(stream: OutputStream): { readonly columns: number; readonly rows: number } {
  return { columns: stream.columns || 80, rows: stream.rows || 24 }
}

export interface TerminalOptions {
  /** Streams are opened at their first use: that costs milliseconds, and touching the stream of a terminal changes its mode. */
  readonly stdin: () => InputStream
  readonly stdout: () => OutputStream
  readonly stderr: () => OutputStream
  /** Writes to descriptor 1 or 2 before it returns. */
  readonly write: (descriptor: 1 | 2, data: string | Uint8Array) => void
  /** False when the descriptor is certainly no terminal. */
  readonly mayBeTty: (descriptor: 1 | 2) => boolean
  readonly env: (name: string) => string | undefined
}

export function createTerminal({ stdin, stdout, stderr, write, mayBeTty, env }: TerminalOptions): Terminal {
  const isTty = (descriptor: 1 | 2): boolean =>
    mayBeTty(descriptor) && (descriptor === 1 ? stdout() : stderr()).isTTY === true
  return {
    get stdin() {
      return stdin()
    },
    get stdout() {
      return stdout()
    },
    get stderr() {
      return stderr()
    },
    get colour() {
      const unwanted = (env('NO_COLOR') ?? '') !== '' || env('TERM') === 'dumb'
      return !unwanted && isTty(2)
    },
    print: (text) => write(1, text),
    printLine: (line) => write(1, `${line}\n`),
    say: (line) => write(2, `${line}\n`),
    tell: (text) => write(2, text),
    isTty,
  }
}
