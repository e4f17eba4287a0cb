import { setTimeout as delay } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { TsbuildError, cancelled, messageOf } from '../../base/errors.ts'
import type { ProxySettings } from '../../settings/settings.ts'

export interface WebRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface WebResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable
}

export interface WebClientOptions {
  readonly proxies: ProxySettings
  readonly userAgent: string
  /** Authorization header for a host, from the secrets HTTP_AUTH_TOKEN_<host> and HTTP_AUTH_HEADER_<host>. */
  readonly authorization: (host: string) => Promise<string | undefined>
}

export interface WebClient extends AsyncDisposable {
  /** Follows redirects and repeats what failed in passing. FETCH_FAILED when no answer can be had. */
  request(request: WebRequest): Promise<WebResponse>
}

const maxRedirects = 10
/** Statuses that pass, and pauses in milliseconds before the next attempt. */
const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
const pauses = [500, 1500, 4000]

/** A small client for `ADD` and remote contexts. undici is loaded at the first request. */
export function createWebClient({ proxies, userAgent, authorization }: WebClientOptions): WebClient {
  let opened: Promise<Dispatcher> | undefined

  async function open(): Promise<Dispatcher> {
    const { EnvHttpProxyAgent } = await import('undici')
    const { http, https, no } = proxies
    return new EnvHttpProxyAgent({ httpProxy: http ?? '', httpsProxy: https ?? '', noProxy: no ?? '' })
  }

  async function once(url: URL, { headers, signal }: WebRequest): Promise<WebResponse> {
    const { request } = await import('undici')
    const credentials = await authorization(url.host)
    const { username, password } = url
    const basic = username === '' ? undefined : `Basic ${btoa(decodeURIComponent(`${username}:${password}`))}`
    const header = credentials ?? basic
    const plain = new URL(url)
    plain.username = ''
    plain.password = ''
    const answer = await request(plain, {
      dispatcher: await (opened ??= open()),
      headers: {
        'user-agent': userAgent,
        'accept-encoding': 'identity',
        ...headers,
        ...(header === undefined ? {} : { authorization: header }),
      },
      signal,
    })
    return { status: answer.statusCode, headers: firstValues(answer.headers), body: answer.body }
  }

  async function follow(request: WebRequest): Promise<WebResponse> {
    let url = new URL(request.url)
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const response = await once(url, request)
      const { location } = response.headers
      if (response.status < 301 || response.status > 308 || response.status === 304 || location === undefined)
        return response
      response.body.resume()
      url = new URL(location, url)
      if (url.protocol !== 'http:' && url.protocol !== 'https:') break
    }
    throw new TsbuildError(
      'FETCH_FAILED',
      `Cannot fetch "${request.url}": it redirects too often or to another protocol`,
    )
  }

  return {
    async request(request) {
      for (let attempt = 0; ; attempt++) {
        const pause = pauses[attempt]
        try {
          const response = await follow(request)
          if (pause === undefined || !passing.has(response.status)) return response
          response.body.resume()
        } catch (error) {
          if (request.signal.aborted) throw cancelled(request.signal)
          if (error instanceof TsbuildError) throw error
          if (pause === undefined || isFinal(error)) throw unreachable(request.url, error)
        }
        await delay(pause, undefined, { signal: request.signal })
      }
    },
    async [Symbol.asyncDispose]() {
      await (await opened)?.destroy()
    },
  }
}

/** Nobody listens, or the name does not exist: trying again soon does not help. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    ['ECONNREFUSED', 'ENOTFOUND', 'ERR_INVALID_URL'].includes(String(error.code))
  )
}

function unreachable(url: string, error: unknown): TsbuildError {
  return new TsbuildError('FETCH_FAILED', `Cannot fetch "${url}": ${messageOf(error)}`, {
    cause: error,
    details: { url },
  })
}

function firstValues(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) out[name] = first
  }
  return out
}
