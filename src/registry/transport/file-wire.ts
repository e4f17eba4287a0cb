import { once } from 'node:events'
import { request as startRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { TsbuildError, cancelled } from '../../base/errors.ts'
import { createBodyQueue } from './body-queue.ts'
import type { FileRange, HttpRequest, HttpResponse } from './http.ts'
import { minimumProgress } from './timing.ts'
import type { Timeouts } from './timing.ts'
import { hostOf } from './url.ts'
import { joinHeaders, maxHeaderSize, maxInterim, protocolError, requestHeaders, timeoutError } from './wire-parts.ts'
import { wireError } from './wire-error.ts'

/**
 * Has the kernel send a range of a file on a connected socket, named by its descriptor. Resolves when the kernel has taken all of it,
 * rejects with an error whose `errno` is EPIPE or ECONNRESET when the connection is gone.
 */
export type SendFile = (
  socket: number,
  file: FileRange,
  options: { readonly signal: AbortSignal; readonly onProgress: () => void },
) => Promise<void>

/** Below this a process that sends costs more than the copies that it saves. */
const worthwhile = 1024 * 1024
/** A peer that ended the connection may have told why first. */
const lastWords = 2000

/** The part of a file that a request can have sent by the kernel: only a plain connection takes bytes as they lie on the disk. */
export function sentByKernel({ url, body }: HttpRequest): FileRange | undefined {
  const file = body?.file
  return file !== undefined && file.end - file.start >= worthwhile && url.origin.startsWith('http:') ? file : undefined
}

export interface FileWireOptions {
  readonly sendFile: SendFile
  readonly timeouts: Timeouts
  /** The descriptor of a connected socket, where it tells. Default: Node's, which is not a documented part of it. */
  readonly descriptor?: (socket: Socket) => number | undefined
}

/** As the wire (wire.ts), on a connection of its own, with a body that never passes through this process, unless the socket hides its descriptor. */
export function exchangeFile(
  request: HttpRequest,
  file: FileRange,
  { sendFile, timeouts, descriptor = descriptorOf }: FileWireOptions,
): Promise<HttpResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>()
  const sending = new AbortController()
  const socket = connectTo(request.url.origin)
  let failure: TsbuildError | undefined
  let response: IncomingMessage | undefined
  let timer: NodeJS.Timeout | undefined
  let interim = 0
  const queue = createBodyQueue({
    idle: timeouts.idle,
    minimum: minimumProgress,
    pause: () => response?.pause(),
    resume: () => response?.resume(),
    stop: () => abort(new TsbuildError('CANCELLED', 'Stopped reading before the end')),
    stalled: () => abort(timeoutError(request, 'it stopped sending')),
  })

  function arm(milliseconds: number, why: string): void {
    clearTimeout(timer)
    timer = setTimeout(() => abort(timeoutError(request, why)), milliseconds)
  }
  const onAbort = (): void => abort(cancelled(request.signal))
  function close(): void {
    clearTimeout(timer)
    request.signal.removeEventListener('abort', onAbort)
    sending.abort()
    socket.destroy()
  }
  function abort(error: TsbuildError): void {
    failure ??= error
    close()
    reject(failure)
    queue.fail(failure)
  }
  const fail = (error: unknown): void => abort(failure ?? wireError(error, request))

  async function send(): Promise<void> {
    const taking = (): void => arm(timeouts.idle, 'it stopped taking what is sent')
    arm(timeouts.connect + timeouts.idle, 'it takes nothing') // with the start of what sends
    try {
      if (socket.destroyed) throw connectionLost()
      const fd = descriptor(socket)
      if (fd !== undefined) await sendFile(fd, file, { signal: sending.signal, onProgress: taking })
      else await writeBody(socket, request.body?.open() ?? [], { signal: sending.signal, onProgress: taking })
      if (response === undefined && failure === undefined)
        arm(request.patience ?? timeouts.headers, 'it does not answer')
    } catch (error) {
      if (response !== undefined || failure !== undefined) return
      if (isConnectionLost(error)) {
        clearTimeout(timer)
        timer = setTimeout(() => fail(connectionLost()), lastWords)
      } else abort(error instanceof TsbuildError ? error : wireError(error, request))
    }
  }

  request.signal.addEventListener('abort', onAbort, { once: true })
  arm(timeouts.connect, 'no connection was made in time')
  try {
    const message = startRequest({
      method: request.method,
      path: request.url.target,
      headers: { ...requestHeaders(request), host: hostOf(request.url), connection: 'close' },
      maxHeaderSize,
      createConnection: () => socket,
    })
    message.on('error', fail)
    message.on('information', () => {
      interim += 1
      if (interim > maxInterim) abort(protocolError(request, 'it sends interim answers without an end'))
    })
    message.on('response', (answer) => {
      response = answer
      clearTimeout(timer)
      sending.abort() // when not all was sent, the rest is not wanted
      queue.start()
      answer.on('data', (chunk: Uint8Array) => queue.push(chunk))
      answer.on('error', fail)
      answer.on('end', () => {
        queue.end()
        close()
      })
      resolve({
        status: answer.statusCode ?? 0,
        headers: joinHeaders(answer.headers),
        url: request.url,
        body: queue.body,
        lent: queue.lent,
        discard: queue.discard,
      })
    })
    // The writable end takes what is written in order: once it has taken the nothing after the head, the head is on its way.
    message.once('socket', () => socket.once('connect', () => socket.write('', (error) => void (error ?? send()))))
    message.flushHeaders()
  } catch (error) {
    fail(error)
  }
  return promise
}

function connectTo(origin: string): Socket {
  const { hostname, port } = new URL(origin)
  return connect({ host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) })
}

/** A child that were given the socket itself would have it read no more. */
function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null }
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined
}

/** The ordinary way, behind a head that is on its way already. */
async function writeBody(
  socket: Socket,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signal, onProgress }: Parameters<SendFile>[2],
): Promise<void> {
  for await (const chunk of body) {
    if (signal.aborted) return
    if (!socket.write(chunk)) await once(socket, 'drain', { signal })
    onProgress()
  }
}

function connectionLost(): Error {
  return Object.assign(new Error('The connection was lost'), { code: 'EPIPE' })
}

function isConnectionLost(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && (error.errno === 'EPIPE' || error.errno === 'ECONNRESET')
}
