import { unknownExit } from './container-state.ts'
import type { MonitorClient, MonitorHandlers } from './monitor-client.ts'

/** The client's end of an attached container. */
export interface AttachIo {
  /** null: the container's stdin stays as it is. */
  readonly stdin: AsyncIterable<Uint8Array> | null
  readonly stdout: ((chunk: Uint8Array) => Promise<void> | void) | null
  readonly stderr: ((chunk: Uint8Array) => Promise<void> | void) | null
  /** Bytes that detach when they are typed in a row; empty: none do. */
  readonly detachKeys: Uint8Array
  /** The caller's terminal, when it is to hand on every byte as it is, both ways. */
  readonly terminal?: CallersTerminal
  /** Calls back now and whenever the size of the terminal changes. */
  readonly onResize?: (listener: (size: TerminalSize) => void) => Disposable
  /** Calls back for each signal that is to reach the container. */
  readonly onSignal?: (listener: (signal: string) => void) => Disposable
}

export interface CallersTerminal {
  readonly fd: number
  /** Makes its input raw; what it was before is restored when the result is disposed. */
  enter(): Disposable
}

export interface TerminalSize {
  readonly rows: number
  readonly cols: number
}

export type AttachEnd = { readonly kind: 'exited'; readonly exitCode: number } | { readonly kind: 'detached' }

/** What a connection needs to be attached by `io`, and the exit code once it is known. */
export function attachHandlers({ stdout, stderr }: AttachIo): {
  readonly handlers: MonitorHandlers
  readonly exited: Promise<number>
} {
  const { promise, resolve } = Promise.withResolvers<number>()
  return { handlers: { stdout: stdout ?? ignore, stderr: stderr ?? ignore, exit: resolve }, exited: promise }
}

function ignore(): void {}

/**
 * Moves bytes between the caller and an attached container until it ends, the detach keys are typed, or `signal` fires (it then
 * detaches). `exited` is the monitor's exit frame.
 */
export async function pumpAttached(
  client: MonitorClient,
  exited: Promise<number>,
  io: AttachIo,
  signal: AbortSignal,
): Promise<AttachEnd> {
  const detached = Promise.withResolvers<AttachEnd>()
  const onAbort = (): void => detached.resolve({ kind: 'detached' })
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  using _resize = io.onResize?.((size) => client.resize(size)) ?? nothing
  using _signals =
    io.onSignal?.((name) => void client.ask({ op: 'kill', signal: name }).catch(() => undefined)) ?? nothing
  if (io.stdin !== null) {
    sendStdin(client, io.stdin, io.detachKeys).then((keys) => keys && onAbort(), detached.reject)
  }
  try {
    // The exit frame comes before the end of the connection, so a known exit code wins over an unknown one.
    const end = client.closed.then(() => Promise.race([exited, Promise.resolve(unknownExit)]))
    const exitCode = Promise.race([exited, end])
    return await Promise.race([
      exitCode.then((code): AttachEnd => ({ kind: 'exited', exitCode: code })),
      detached.promise,
    ])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

const nothing: Disposable = { [Symbol.dispose]: () => {} }

/** True when the detach keys were typed; at the end of the input the container's stdin is closed. */
async function sendStdin(client: MonitorClient, stdin: AsyncIterable<Uint8Array>, keys: Uint8Array): Promise<boolean> {
  const scan = detachScanner(keys)
  for await (const chunk of stdin) {
    const { pass, detach } = scan(chunk)
    if (pass.byteLength > 0) await client.writeStdin(pass)
    if (detach) return true
  }
  client.endStdin()
  return false
}

/**
 * Looks for the key sequence across chunks. What may be its beginning is held back until the next byte decides; bytes of a sequence
 * that breaks off are passed on, as docker does.
 */
export function detachScanner(
  keys: Uint8Array,
): (chunk: Uint8Array) => { readonly pass: Uint8Array; readonly detach: boolean } {
  let matched = 0
  return (chunk) => {
    if (keys.byteLength === 0) return { pass: chunk, detach: false }
    const pass: number[] = []
    for (const byte of chunk) {
      if (byte !== keys[matched] && matched > 0) {
        pass.push(...keys.subarray(0, matched))
        matched = 0
      }
      if (byte === keys[matched]) matched += 1
      else pass.push(byte)
      if (matched === keys.byteLength) return { pass: Uint8Array.from(pass), detach: true }
    }
    return { pass: Uint8Array.from(pass), detach: false }
  }
}
