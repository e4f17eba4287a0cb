import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { TsbuildError, hasCode, hasErrno, messageOf } from '../base/errors.ts'
import { NativeError } from '../host/native-error.ts'
import type { Answer } from '../host/native.ts'
import { decodeFrames, encodeFrame, fromMonitor, toMonitor } from './monitor-frames.ts'

/** What arrives while a client is attached. A handler that returns a promise holds the stream back until it resolves. */
export interface MonitorHandlers {
  readonly stdout?: (chunk: Uint8Array) => Promise<void> | void
  readonly stderr?: (chunk: Uint8Array) => Promise<void> | void
  /** The container ended. */
  readonly exit?: (exitCode: number) => void
}

/** A connection to the monitor of one container. */
export interface MonitorClient extends Disposable {
  /** Rejects with the monitor's error code, or CONTAINER_UNREACHABLE when it goes away before it has answered. */
  ask(request: Readonly<Record<string, unknown>> & { readonly op: string }): Promise<Answer>
  /** Resolves when the kernel has taken the bytes. */
  writeStdin(chunk: Uint8Array): Promise<void>
  endStdin(): void
  resize(size: { readonly rows: number; readonly cols: number }): void
  /** Resolves when the monitor has closed the connection; rejects when a handler failed. */
  readonly closed: Promise<void>
}

/** Undefined when no monitor lives there: its socket is gone, or nobody listens on it. */
export async function connectMonitor(
  runDir: string,
  handlers: MonitorHandlers = {},
): Promise<MonitorClient | undefined> {
  const socket = await openSocket(runDir)
  return socket === undefined ? undefined : createClient(socket, handlers)
}

/** As `ask`, for what ends the container: a monitor that goes away without an answer has done it. */
export async function askForEnd(
  client: MonitorClient,
  request: Readonly<Record<string, unknown>> & { readonly op: string },
): Promise<void> {
  try {
    await client.ask(request)
  } catch (error) {
    if (!hasCode(error, 'CONTAINER_UNREACHABLE')) throw error
  }
}

/** A path of a socket may have 107 bytes only; /proc/self/fd makes any directory's path short. */
async function openSocket(runDir: string): Promise<Socket | undefined> {
  const absent = ['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'ECONNRESET']
  let directory
  try {
    directory = openSync(runDir, 'r')
  } catch (error) {
    if (hasErrno(error, ...absent)) return undefined
    throw error
  }
  try {
    const socket = connect(join('/proc/self/fd', String(directory), 'control.sock'))
    await once(socket, 'connect')
    // Whoever reads gets the error too; here it must only not end the process.
    socket.on('error', () => {})
    return socket
  } catch (error) {
    if (hasErrno(error, ...absent)) return undefined
    throw unreachable(messageOf(error), error)
  } finally {
    closeSync(directory)
  }
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

function createClient(socket: Socket, handlers: MonitorHandlers): MonitorClient {
  const waiting: Waiting[] = []
  let gone: unknown

  async function read(): Promise<void> {
    for await (const { type, payload } of decodeFrames(socket)) {
      switch (type) {
        case fromMonitor.stdout:
          await handlers.stdout?.(payload)
          break
        case fromMonitor.stderr:
          await handlers.stderr?.(payload)
          break
        case fromMonitor.answer:
          settleAnswer(waiting.shift(), JSON.parse(payload.toString('utf8')) as Answer)
          break
        case fromMonitor.exit:
          handlers.exit?.((JSON.parse(payload.toString('utf8')) as { readonly exitCode: number }).exitCode)
          break
        default:
          throw unreachable(`it sent a frame of type ${type}`)
      }
    }
  }

  async function readToEnd(): Promise<void> {
    try {
      await read()
      gone = unreachable('it closed the connection')
    } catch (error) {
      gone = hasErrno(error, 'ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE')
        ? unreachable('it closed the connection', error)
        : error
      if (gone === error) throw error
    } finally {
      socket.destroy()
      for (const { reject } of waiting.splice(0)) reject(gone)
    }
  }

  const closed = readToEnd()
  closed.catch(() => {})

  return {
    closed,
    ask(request) {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      if (gone === undefined) {
        waiting.push({ resolve, reject })
        socket.write(encodeFrame(toMonitor.request, Buffer.from(JSON.stringify(request))))
      } else reject(gone)
      return promise
    },
    async writeStdin(chunk) {
      if (gone !== undefined || !socket.writable) return
      if (!socket.write(encodeFrame(toMonitor.stdin, chunk))) await Promise.race([once(socket, 'drain'), closed])
    },
    endStdin: () => void (socket.writable && socket.write(encodeFrame(toMonitor.endOfStdin, Buffer.alloc(0)))),
    resize: (size) =>
      void (socket.writable && socket.write(encodeFrame(toMonitor.resize, Buffer.from(JSON.stringify(size))))),
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

function settleAnswer(waiter: Waiting | undefined, answer: Answer): void {
  if (waiter === undefined) return
  if (answer['type'] === 'error') waiter.reject(new NativeError('monitor', answer))
  else waiter.resolve(answer)
}

function unreachable(why: string, cause?: unknown): TsbuildError {
  return new TsbuildError('CONTAINER_UNREACHABLE', `Cannot talk to the monitor of the container: ${why}`, { cause })
}
