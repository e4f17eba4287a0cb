import { TsbuildError, hasCode } from '../base/errors.ts'
import { createAuthenticator } from './auth/authenticator.ts'
import type { RegistryClientOptions } from './client.ts'
import type { Place } from './endpoints.ts'
import { readTlsFiles } from './tls-files.ts'
import { readSome } from './transport/body.ts'
import { createDispatchers } from './transport/dispatchers.ts'
import type { Exchange, Url, Wrapper } from './transport/http.ts'
import { withRedirects } from './transport/redirect.ts'
import { withRetry } from './transport/retry.ts'
import type { RetryPolicy } from './transport/retry.ts'
import type { Timeouts, Timing } from './transport/timing.ts'
import { isLoopback } from './transport/url.ts'
import { createWire } from './transport/wire.ts'

export interface ConnectionOptions extends RegistryClientOptions {
  readonly timing: Timing
  readonly timeouts: Timeouts
  readonly retry: RetryPolicy
}

/** The transport chains of all places that were talked to, and what was learnt about them. */
export interface Connections extends AsyncDisposable {
  /** Finds out whether an insecure place speaks TLS; everything else is https. */
  base(place: Place, signal: AbortSignal): Promise<Url>
  exchange(place: Place, base: Url, signal: AbortSignal): Promise<Exchange>
}

/**
 * The order of the chain, outermost first: retry, authentication, redirects, user agent, wire. Redirects stand below
 * authentication, so that a token is taken off before the request leaves its origin, and retries stand above both, so that a
 * broken download goes back to the registry's own URL and not to an expired presigned one.
 */
export function createConnections(options: ConnectionOptions): Connections {
  const insecureHosts = new Set<string>()
  const dispatchers = createDispatchers({
    tls: (host) => readTlsFiles(host, options.registries.certDirs, !insecureHosts.has(host) && !isLoopback(host)),
    proxies: options.proxies,
    connectTimeout: options.timeouts.connect,
  })
  const wire = withUserAgent(options.userAgent)(createWire(dispatchers, options.timeouts, options.sendFile))
  const anonymous = withRetry(options.retry, options.timing)(withRedirects(wire))
  const bases = new Map<string, Promise<Url>>()
  const exchanges = new Map<string, Exchange>()

  return {
    base(place, signal) {
      if (!place.insecure)
        return Promise.resolve({ origin: `https://${place.host}`.toLowerCase().replace(/:443$/, ''), target: '/' })
      insecureHosts.add(place.host)
      const known = bases.get(place.host) ?? findScheme(place.host, wire, signal)
      bases.set(place.host, known)
      known.catch(() => bases.delete(place.host))
      return known
    },
    async exchange(place, base, signal) {
      const found = await options.credentials.find(place.identity, place.repository, signal)
      const key = [base.origin, place.identity, place.kind, found.key].join(' ')
      const known = exchanges.get(key)
      if (known !== undefined) return known
      const authenticate = createAuthenticator({
        origin: base.origin,
        url: base,
        credentials: (signal) => found.get(signal),
        exchange: anonymous,
        timing: options.timing,
        insecure: place.insecure,
      })
      const policy = place.kind === 'mirror' ? mirrorRetry : options.retry
      const made = withRetry(policy, options.timing)(authenticate(withRedirects(wire)))
      exchanges.set(key, made)
      return made
    },
    [Symbol.asyncDispose]: () => dispatchers[Symbol.asyncDispose](),
  }
}

function withUserAgent(agent: string): Wrapper {
  return (next) => (request) => next({ ...request, headers: { 'user-agent': agent, ...request.headers } })
}

/** Behind a mirror the registry itself waits. */
const mirrorRetry: RetryPolicy = {
  passing: { attempts: 2, base: 200, cap: 500 },
  throttled: { attempts: 2, base: 200, cap: 500 },
  unreachable: { attempts: 1, base: 0, cap: 0 },
  maxWait: 1000,
}

/** Plain first on this machine, where nothing can listen in; TLS first elsewhere. Errors: of the last attempt. */
async function findScheme(host: string, wire: Exchange, signal: AbortSignal): Promise<Url> {
  const schemes = isLoopback(host) ? ['http', 'https'] : ['https', 'http']
  let failure: TsbuildError | undefined
  for (const scheme of schemes) {
    const url = new URL(`${scheme}://${host}`)
    try {
      const response = await wire({
        method: 'GET',
        url: { origin: url.origin, target: '/v2/' },
        headers: {},
        signal,
        repeatable: false,
      })
      const text = await readSome(response, 1024, 5000)
      // Go's TLS server answers plain requests so; Node's closes the connection.
      if (scheme === 'http' && response.status === 400 && /https/i.test(text)) continue
      return { origin: url.origin, target: '/' }
    } catch (error) {
      if (!hasCode(error, 'REGISTRY_TLS', 'REGISTRY_UNREACHABLE', 'REGISTRY_PROTOCOL', 'REGISTRY_TIMEOUT')) throw error
      if (error.details['reason'] === 'ECONNREFUSED' || error.details['reason'] === 'ENOTFOUND') throw error
      failure ??= error
    }
  }
  throw failure ?? new TsbuildError('REGISTRY_UNREACHABLE', `Cannot reach ${host}: it speaks neither http nor https`)
}
