import type { Dispatcher } from 'undici'
import { TsbuildError, cancelled } from '../../base/errors.ts'
import { createChunkCollector } from '../../base/sparingly.ts'
import { createBodyQueue } from './body-queue.ts'
import type { Dispatchers } from './dispatchers.ts'
import { exchangeFile, sentByKernel } from './file-wire.ts'
import type { SendFile } from './file-wire.ts'
import type { Exchange, HttpRequest, HttpResponse } from './http.ts'
import type { Reading } from './read-memory.ts'
import { minimumProgress } from './timing.ts'
import type { Timeouts } from './timing.ts'
import { joinHeaders, maxInterim, protocolError, requestHeaders, timeoutError } from './wire-parts.ts'
import { wireError } from './wire-error.ts'

/**
 * The end of the chain: one request on one connection. Every phase (connect, send, wait for headers, read the body) ends by a
 * time-out of its own with REGISTRY_TIMEOUT; other failures are REGISTRY_UNREACHABLE, REGISTRY_TLS, REGISTRY_PROTOCOL, CANCELLED.
 * A failure after the headers comes out of the body's iteration. A body that is a file goes out by `sendFile` where that can be done.
 */
export function createWire(dispatchers: Dispatchers, timeouts: Timeouts, sendFile?: SendFile): Exchange {
  return async (request) => {
    if (request.signal.aborted) throw cancelled(request.signal)
    const file = sentByKernel(request)
    if (file !== undefined && sendFile !== undefined && !dispatchers.proxied(request.url.origin))
      return exchangeFile(request, file, { sendFile, timeouts })
    return dispatchOnce(dispatchers, request, timeouts)
  }
}

async function dispatchOnce(dispatchers: Dispatchers, request: HttpRequest, timeouts: Timeouts): Promise<HttpResponse> {
  const dispatcher = await dispatchers.get(request.url.origin)
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>()
  let controller: Dispatcher.DispatchController | undefined
  const passed = createChunkCollector()
  let reading: Reading | undefined
  let failure: TsbuildError | undefined
  let timer: NodeJS.Timeout | undefined
  let interim = 0
  const queue = createBodyQueue({
    idle: timeouts.idle,
    minimum: minimumProgress,
    pause: () => (reading ?? controller)?.pause(),
    resume: () => (reading ?? controller)?.resume(),
    stop: () => abort(new TsbuildError('CANCELLED', 'Stopped reading before the end')),
    stalled: () => abort(timeoutError(request, 'it stopped sending')),
  })

  function abort(error: TsbuildError): void {
    failure ??= error
    if (controller === undefined) settle(failure)
    else controller.abort(failure)
  }
  function settle(error: TsbuildError): void {
    clearTimeout(timer)
    request.signal.removeEventListener('abort', onAbort)
    reject(error)
    queue.fail(error)
  }
  function arm(milliseconds: number, why: string): void {
    clearTimeout(timer)
    timer = setTimeout(() => abort(timeoutError(request, why)), milliseconds)
  }
  const onAbort = (): void => abort(cancelled(request.signal))
  request.signal.addEventListener('abort', onAbort, { once: true })
  const awaitHeaders = (): void => arm(request.patience ?? timeouts.headers, 'it does not answer')
  arm(timeouts.connect, 'no connection was made in time')

  dispatcher.dispatch(
    {
      origin: request.url.origin,
      path: request.url.target,
      method: request.method,
      headers: requestHeaders(request),
      body:
        request.body === undefined || request.body.size === 0
          ? null
          : watched(request.body.open(), armSending, awaitHeaders),
    } as Dispatcher.DispatchOptions,
    {
      onRequestStart(started) {
        controller = started
        if (failure !== undefined) started.abort(failure)
        else awaitHeaders()
      },
      onResponseStart(_, status, headers) {
        if (status < 200) {
          interim += 1
          if (interim > maxInterim) abort(protocolError(request, 'it sends interim answers without an end'))
          return
        }
        clearTimeout(timer)
        queue.start()
        resolve({
          status,
          headers: joinHeaders(headers),
          url: request.url,
          body: queue.body,
          lent: queue.lent,
          discard: queue.discard,
        })
      },
      onResponseData(_, chunk) {
        reading = dispatchers.readingOf(chunk) ?? reading
        queue.push(chunk)
        if (reading === undefined) passed(chunk.byteLength)
        else reading.release(chunk)
      },
      onResponseEnd() {
        request.signal.removeEventListener('abort', onAbort)
        queue.end()
      },
      onResponseError: (_, error) => settle(failure ?? wireError(error, request)),
    },
  )
  return promise

  function armSending(): void {
    arm(timeouts.idle, 'it stopped taking what is sent')
  }
}

/** Tells when the peer took a chunk, so that a stalled upload is noticed, and when all was handed over. */
async function* watched(
  body: AsyncIterable<Uint8Array>,
  onProgress: () => void,
  onEnd: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    onProgress()
    yield chunk
  }
  onEnd()
}
