import { TsbuildError } from '../../base/errors.ts'
import { printableLine } from '../../base/printable.ts'
import { createSingleFlight } from '../../base/single-flight.ts'
import type { Exchange, HttpRequest, HttpResponse, Url, Wrapper } from '../transport/http.ts'
import type { Timing } from '../transport/timing.ts'
import { hostOf, isLoopback, isSecure, parseUrl } from '../transport/url.ts'
import { parseChallenges } from './challenge.ts'
import type { Challenge } from './challenge.ts'
import { basicAuthorization } from './credentials.ts'
import type { Credentials } from './credentials.ts'
import { mergeScopes } from './scope.ts'
import { fetchToken } from './token.ts'

export interface AuthenticatorOptions {
  /** The registry (or mirror) that the credentials are for. Nothing is sent to any other origin. */
  readonly origin: string
  readonly url: Url
  /** Asked once, when the first challenge comes. */
  readonly credentials: (signal: AbortSignal) => Promise<Credentials>
  /** Reaches token servers; adds no credentials of its own. */
  readonly exchange: Exchange
  readonly timing: Timing
  /** The user accepted plain connections with this registry. */
  readonly insecure: boolean
}

interface BearerDemand {
  readonly kind: 'bearer'
  readonly realm: Url
  readonly service: string | undefined
  /** Of the challenge: what the refused request lacked. */
  readonly scopes: readonly string[]
}

/** How a registry wants to be asked, as learnt from a challenge. */
type Demand = { readonly kind: 'basic' } | BearerDemand

interface CachedToken {
  readonly value: string
  readonly scopes: readonly string[]
  readonly expires: number
}

/** A token is not used in its last seconds: it must outlive the request that carries it to the server's check. */
const safetyMargin = 10_000

/**
 * Answers 401: anonymous first, then what the challenge wants, at most one new attempt per request. What was learnt is used for
 * all further requests to the origin. The answer tells by `account` whose credentials it was made with.
 * Errors: REGISTRY_UNAUTHORIZED, REGISTRY_PROTOCOL for a token server that must not be trusted, CREDENTIALS_* codes.
 */
export function createAuthenticator(options: AuthenticatorOptions): Wrapper {
  const tokens: CachedToken[] = []
  const flights = createSingleFlight<CachedToken>()
  let demand: Demand | undefined
  let pinged: Promise<readonly Challenge[]> | undefined
  let known: Promise<Credentials> | undefined
  const credentials = (signal: AbortSignal): Promise<Credentials> => (known ??= options.credentials(signal))

  async function authorization(request: HttpRequest, by: Demand, refused?: string): Promise<string | undefined> {
    const own = await credentials(request.signal)
    if (own.kind === 'bearer') return `Bearer ${own.token}`
    if (by.kind === 'basic') return own.kind === 'basic' ? basicAuthorization(own.username, own.password) : undefined
    const wanted = mergeScopes([...(request.scopes ?? []), ...(refused === undefined ? [] : by.scopes)])
    const cached = tokens.findLast((token) => covers(token.scopes, wanted) && token.expires > options.timing.now())
    if (cached !== undefined && `Bearer ${cached.value}` !== refused) return `Bearer ${cached.value}`
    const fresh = await flights.run(wanted.join(' '), () => newToken(request, by, own, wanted))
    return `Bearer ${fresh.value}`
  }

  async function newToken(
    request: HttpRequest,
    by: BearerDemand,
    own: Credentials,
    scopes: readonly string[],
  ): Promise<CachedToken> {
    const { realm, service } = by
    const { signal, notify } = request
    const token = await fetchToken(options.exchange, {
      realm,
      service,
      scopes,
      credentials: own,
      signal,
      ...(notify === undefined ? {} : { notify }),
    }).catch((error: unknown) => {
      throw final(error)
    })
    const cached = {
      value: token.value,
      scopes,
      expires: options.timing.now() + Math.max(token.lifetime - safetyMargin, token.lifetime / 2),
    }
    tokens.push(cached)
    if (tokens.length > 100) tokens.shift()
    return cached
  }

  async function learn(response: HttpResponse, next: Exchange, request: HttpRequest): Promise<Demand | undefined> {
    const own = await credentials(request.signal)
    const header = response.headers['www-authenticate']
    // GCR has sent 401 without a challenge on everything but the ping.
    const challenges =
      header === undefined ? await (pinged ??= ping(next, options.url, request)) : parseChallenges(header)
    const chosen = choose(challenges, own)
    return chosen === undefined ? undefined : readDemand(chosen, options)
  }

  return (next) => async (request) => {
    if (request.scopes === undefined || request.url.origin !== options.origin) return next(request)
    const first = demand === undefined ? undefined : await authorization(request, demand)
    const response = await next(authorized(request, first))
    const account = await accountOf(request, first)
    if (response.status !== 401 || response.url.origin !== options.origin) return { ...response, account }
    const second = await renew(response, next, request, first).catch(async (error: unknown) => {
      await response.discard()
      throw error
    })
    if (second === undefined || second === first) return { ...response, account }
    await response.discard()
    return { ...(await next(authorized(request, second))), account: await accountOf(request, second) }
  }

  async function renew(
    response: HttpResponse,
    next: Exchange,
    request: HttpRequest,
    refused: string | undefined,
  ): Promise<string | undefined> {
    const learnt = await learn(response, next, request)
    if (learnt === undefined) return undefined
    demand = learnt
    return authorization(request, learnt, refused ?? '')
  }

  async function accountOf(request: HttpRequest, sent: string | undefined): Promise<string | undefined> {
    if (sent === undefined) return undefined
    const own = await credentials(request.signal)
    switch (own.kind) {
      case 'none':
        return undefined
      case 'basic':
        return own.username
      case 'identity':
      case 'bearer':
        return '<token>'
    }
  }
}

/** True when a token made for `have` allows all of `want`. */
function covers(have: readonly string[], want: readonly string[]): boolean {
  return mergeScopes([...have, ...want]).join(' ') === have.join(' ')
}

/** Bearer where there is a choice: Basic would send the password with every request. */
function choose(challenges: readonly Challenge[], own: Credentials): Challenge | undefined {
  const bearer = challenges.find((one) => one.scheme === 'bearer' && (one.parameters['realm'] ?? '') !== '')
  if (bearer !== undefined) return bearer
  return own.kind === 'basic' ? challenges.find((one) => one.scheme === 'basic') : undefined
}

function readDemand(challenge: Challenge, options: AuthenticatorOptions): Demand {
  if (challenge.scheme === 'basic') return { kind: 'basic' }
  const { realm: text = '', service, scope = '' } = challenge.parameters
  const realm = parseRealm(text, options)
  if (!isSecure(realm) && !isLoopback(hostOf(realm)) && !(options.insecure && !isSecure(options.url))) {
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `Cannot log in to ${hostOf(options)}: its token server ${hostOf(realm)} is not reached by https`,
      {
        hint: 'Credentials would be readable on the way; list the registry as insecure if that is wanted',
      },
    )
  }
  return { kind: 'bearer', realm, service, scopes: scope.split(' ').filter((one) => one !== '') }
}

function parseRealm(text: string, options: AuthenticatorOptions): Url {
  try {
    return parseUrl(text)
  } catch (error) {
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `Cannot log in to ${hostOf(options)}: it names the token server "${printableLine(text, 200)}", which is no URL`,
      {
        cause: error,
        hint: 'A proxy in front of the registry may not pass the scheme and host on',
      },
    )
  }
}

async function ping(next: Exchange, base: Url, request: HttpRequest): Promise<readonly Challenge[]> {
  const response = await next({
    method: 'GET',
    url: { ...base, target: '/v2/' },
    headers: {},
    signal: request.signal,
    repeatable: true,
  })
  await response.discard()
  return response.status === 401 ? parseChallenges(response.headers['www-authenticate'] ?? '') : []
}

function authorized(request: HttpRequest, value: string | undefined): HttpRequest {
  return value === undefined ? request : { ...request, headers: { ...request.headers, authorization: value } }
}

/** The token server was asked as often as the table allows: the request that needed the token is not tried again for it. */
function final(error: unknown): unknown {
  if (!(error instanceof TsbuildError)) return error
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  return new TsbuildError(error.code, error.message, {
    cause: error,
    ...hint,
    details: { ...error.details, final: true },
  })
}
