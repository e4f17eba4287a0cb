import { TsbuildError } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { createLimiter } from '../base/limiter.ts'
import type { Repository } from '../oci/reference.ts'
import type { ProxySettings, RegistrySettings } from '../settings/settings.ts'
import { createConnections } from './connections.ts'
import type { CredentialSource } from './credentials/credential-source.ts'
import { placesOf } from './endpoints.ts'
import type { Access, Place } from './endpoints.ts'
import { readAnswer, registryError } from './registry-error.ts'
import type { SendFile } from './transport/file-wire.ts'
import type { HttpRequest, HttpResponse, Method, RequestBody, Url } from './transport/http.ts'
import { defaultRetryPolicy } from './transport/retry.ts'
import type { RetryPolicy } from './transport/retry.ts'
import { defaultTimeouts, systemTiming } from './transport/timing.ts'
import type { Timeouts, Timing } from './transport/timing.ts'
import { withQuery } from './transport/url.ts'

export interface RegistryClientOptions {
  readonly registries: RegistrySettings
  readonly proxies: ProxySettings
  readonly limits: { readonly perHost: number; readonly transfers: number }
  readonly credentials: CredentialSource
  readonly userAgent: string
  /** Sends files on plain connections without copies; without it everything passes through this process. */
  readonly sendFile?: SendFile
  readonly timeouts?: Timeouts
  readonly retry?: RetryPolicy
  readonly timing?: Timing
}

/** A request to a repository by the distribution API. */
export interface RegistryRequest {
  readonly method: Method
  /** Below `/v2/<name>`, such as `/manifests/latest`; or the URL that an earlier answer gave. */
  readonly path: string | Url
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: RequestBody
  readonly access: Access
  /** Leaves mirrors out: one has just given wrong content. */
  readonly direct?: boolean
  /** What a token must allow on the repository: pull, push, delete. */
  readonly actions: readonly string[]
  /** Whole scopes beside that, such as pull on the source of a mount. */
  readonly scopes?: readonly string[]
  /** What fails, for the message: `Cannot pull "busybox"`. */
  readonly action: string
  /** Statuses that the caller handles. Everything else becomes an error. */
  readonly expect: readonly number[]
  readonly signal: AbortSignal
  /** Told about waits, new attempts and mirrors that fail, for people. */
  readonly notify?: (note: string) => void
  readonly repeatable?: boolean
  readonly patience?: number
}

export interface RegistryResponse extends HttpResponse {
  readonly place: Place
}

/**
 * Speaks the OCI distribution API with any registry: mirrors first for reads, credentials, retries, redirects, time-outs.
 * Errors of `send`: REGISTRY_*, CREDENTIALS_*, CANCELLED. The answer's body must be read or discarded.
 */
export interface RegistryClient extends AsyncDisposable {
  send(repository: Repository, request: RegistryRequest): Promise<RegistryResponse>
  /** Sends outside of any repository (`/v2/_catalog`, a login check) to the registry itself. */
  sendToHost(host: string, request: Omit<RegistryRequest, 'access' | 'actions'>): Promise<RegistryResponse>
  /** Runs a transfer when the host and all hosts together have a place free. */
  transfer<T>(repository: Repository, job: () => Promise<T>, signal: AbortSignal): Promise<T>
  readonly timing: Timing
  readonly timeouts: Timeouts
  readonly retry: RetryPolicy
}

/** A mirror that fails so is not asked again by this process. */
const outOfOrder: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'REGISTRY_UNREACHABLE',
  'REGISTRY_TIMEOUT',
  'REGISTRY_TLS',
  'REGISTRY_UNAVAILABLE',
])

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const timing = options.timing ?? systemTiming
  const timeouts = options.timeouts ?? defaultTimeouts
  const retry = options.retry ?? defaultRetryPolicy
  const connections = createConnections({ ...options, timing, timeouts, retry })
  const all = createLimiter(options.limits.transfers)
  const hosts = new Map<string, ReturnType<typeof createLimiter>>()
  const failedMirrors = new Set<string>()

  async function sendTo(
    place: Place,
    request: RegistryRequest | Omit<RegistryRequest, 'access' | 'actions'>,
    scopes: readonly string[],
  ): Promise<RegistryResponse> {
    const base = await connections.base(place, request.signal)
    const exchange = await connections.exchange(place, base, request.signal)
    const url =
      typeof request.path === 'string'
        ? { origin: base.origin, target: `/v2/${place.repository === '' ? '' : place.repository}${request.path}` }
        : request.path
    const response = await exchange(
      httpRequest(request, request.query === undefined ? url : withQuery(url, request.query), scopes),
    )
    if (request.expect.includes(response.status)) return { ...response, place }
    throw registryError(request.action, await readAnswer(response, timing.now))
  }

  /** A mirror that fails must never fail the operation: the next place is asked, and it is told why. */
  async function sendToMirror(
    place: Place,
    request: RegistryRequest,
    scopes: readonly string[],
  ): Promise<RegistryResponse | undefined> {
    try {
      return await sendTo(place, request, scopes)
    } catch (error) {
      if (!(error instanceof TsbuildError) || error.code === 'CANCELLED') throw error
      if (outOfOrder.has(error.code)) failedMirrors.add(place.host)
      if (error.code !== 'REGISTRY_NOT_FOUND') {
        request.notify?.(`Mirror ${place.host} is passed over: ${error.message}`)
      }
      return undefined
    }
  }

  return {
    timing,
    timeouts,
    retry,
    async send(repository, request) {
      const places = placesOf(repository, request.access, options.registries)
      for (const place of request.direct === true ? places.slice(-1) : places) {
        const scopes = [`repository:${place.repository}:${request.actions.join(',')}`, ...(request.scopes ?? [])]
        if (place.kind === 'registry') return sendTo(place, request, scopes)
        if (failedMirrors.has(place.host)) continue
        const response = await sendToMirror(place, request, scopes)
        if (response !== undefined) return response
      }
      throw new Error('The list of places ended without the registry itself')
    },
    sendToHost(host, request) {
      const [place] = placesOf({ registry: host, repository: '' }, 'write', options.registries)
      if (place === undefined) throw new Error('The list of places is empty')
      return sendTo(place, request, request.scopes ?? [])
    },
    transfer(repository, job, signal) {
      const limiter = hosts.get(repository.registry) ?? createLimiter(options.limits.perHost)
      hosts.set(repository.registry, limiter)
      return limiter.run(() => all.run(job, signal), signal)
    },
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  }
}

function httpRequest(
  request: Omit<RegistryRequest, 'access' | 'actions'>,
  url: Url,
  scopes: readonly string[],
): HttpRequest {
  const { method, headers = {}, body, signal, notify, repeatable = true, patience } = request
  return {
    method,
    url,
    headers,
    signal,
    scopes,
    repeatable,
    ...(body === undefined ? {} : { body }),
    ...(notify === undefined ? {} : { notify }),
    ...(patience === undefined ? {} : { patience }),
  }
}
