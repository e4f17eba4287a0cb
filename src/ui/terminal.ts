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
}

export type InputStream = Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown }
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

/** Size of the terminal behind a stream; 80 by 24 when it is not known (0 from a terminal without a size). */
export function sizeOf(stream: OutputStream): { readonly columns: number; readonly rows: number } {
  return { columns: stream.columns || 80, rows: stream.rows || 24 }
}

export interface TerminalOptions {
  /** Opened at first use. */
  readonly stdin: () => InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: (name: string) => string | undefined
}

export function createTerminal({ stdin, stdout, stderr, env }: TerminalOptions): Terminal {
  const noColour = (env('NO_COLOR') ?? '') !== '' || env('TERM') === 'dumb'
  return {
    get stdin() {
      return stdin()
    },
    stdout,
    stderr,
    colour: stderr.isTTY === true && !noColour,
    print: (text) => void stdout.write(text),
    printLine: (line) => void stdout.write(`${line}\n`),
    say: (line) => void stderr.write(`${line}\n`),
  }
}
