import { TsbuildError } from '../../base/errors.ts'
import { printableLine } from '../../base/printable.ts'
import { readBody, readSome, bytesBody } from '../transport/body.ts'
import type { Exchange, HttpRequest, HttpResponse, Url } from '../transport/http.ts'
import { hostOf, withQuery } from '../transport/url.ts'
import { basicAuthorization } from './credentials.ts'
import type { Credentials } from './credentials.ts'

export interface TokenRequest {
  readonly realm: Url
  readonly service: string | undefined
  readonly scopes: readonly string[]
  readonly credentials: Credentials
  readonly signal: AbortSignal
  readonly notify?: (note: string) => void
}

export interface Token {
  readonly value: string
  /** Milliseconds that it lives from now on. */
  readonly lifetime: number
}

/** ACR's tokens carry group lists; nothing sends more. */
const maxTokenSize = 1024 * 1024
const tokenDeadline = 60_000
/** distribution "Token Authentication Specification": a token without `expires_in` lives 60 seconds. */
const defaultLifetime = 60
/** Token servers without the OAuth2 form answer so to POST: ACR 400, Artifactory 401, GCR and Gitea 404, others 405. */
const noOauth: ReadonlySet<number> = new Set([400, 401, 404, 405])

/**
 * Asks a token server (distribution "Token Authentication" and "OAuth2 Token Authentication"). GET with Basic works everywhere and
 * comes first; a refresh token needs POST. Errors: REGISTRY_UNAUTHORIZED, REGISTRY_PROTOCOL, REGISTRY_UNAVAILABLE and the transport's.
 */
export async function fetchToken(exchange: Exchange, request: TokenRequest): Promise<Token> {
  const { credentials } = request
  if (credentials.kind === 'identity') {
    const refused = await exchange(
      postRequest(request, { grant_type: 'refresh_token', refresh_token: credentials.token }),
    )
    if (refused.status === 200) return readToken(refused, request)
    if (!noOauth.has(refused.status)) throw await tokenError(refused, request)
    // ACR takes its refresh tokens as the password of this user, too.
    const basic = {
      kind: 'basic',
      username: '00000000-0000-0000-0000-000000000000',
      password: credentials.token,
    } as const
    const answer = await exchange(getRequest({ ...request, credentials: basic }))
    if (answer.status === 200) {
      await refused.discard()
      return readToken(answer, request)
    }
    await answer.discard()
    throw await tokenError(refused, request)
  }
  const answer = await exchange(getRequest(request))
  if (answer.status === 200) return readToken(answer, request)
  if (answer.status === 405 && credentials.kind === 'basic') {
    await answer.discard()
    const { username, password } = credentials
    const posted = await exchange(postRequest(request, { grant_type: 'password', username, password }))
    if (posted.status === 200) return readToken(posted, request)
    throw await tokenError(posted, request)
  }
  throw await tokenError(answer, request)
}

function getRequest(request: TokenRequest): HttpRequest {
  const { credentials } = request
  let url = withQuery(request.realm, { service: request.service, client_id: 'tsbuild' })
  if (credentials.kind === 'basic') url = withQuery(url, { account: credentials.username })
  for (const scope of request.scopes) url = withQuery(url, { scope })
  return {
    method: 'GET',
    url,
    headers:
      credentials.kind === 'basic'
        ? { authorization: basicAuthorization(credentials.username, credentials.password) }
        : {},
    signal: request.signal,
    repeatable: true,
    ...(request.notify === undefined ? {} : { notify: request.notify }),
  }
}

function postRequest(request: TokenRequest, grant: Readonly<Record<string, string>>): HttpRequest {
  const form = new URLSearchParams({ ...grant, client_id: 'tsbuild' })
  if (request.service !== undefined) form.set('service', request.service)
  if (request.scopes.length > 0) form.set('scope', request.scopes.join(' '))
  return {
    method: 'POST',
    url: request.realm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: bytesBody(form.toString()),
    signal: request.signal,
    repeatable: true,
    confined: true,
    ...(request.notify === undefined ? {} : { notify: request.notify }),
  }
}

async function readToken(response: HttpResponse, request: TokenRequest): Promise<Token> {
  const what = 'the token'
  const bytes = await readBody(response, { limit: maxTokenSize, deadline: tokenDeadline, what })
  const document = parseObject(bytes)
  const value = [document?.['token'], document?.['access_token']].find((one) => typeof one === 'string' && one !== '')
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `Cannot get a token from ${hostOf(request.realm)}: its answer holds none`,
    )
  }
  const lifetime = document?.['expires_in']
  const seconds = typeof lifetime === 'number' && lifetime > 0 ? lifetime : defaultLifetime
  return { value, lifetime: seconds * 1000 }
}

async function tokenError(response: HttpResponse, request: TokenRequest): Promise<TsbuildError> {
  const said = explanation(await readSome(response, 16 * 1024, tokenDeadline))
  const host = hostOf(request.realm)
  const detail = `${host} answered ${response.status}${said === '' ? '' : `: ${said}`}`
  const { status } = response
  if (status === 400 || status === 401 || status === 403 || status === 404) {
    const anonymous = request.credentials.kind === 'none'
    return new TsbuildError(
      'REGISTRY_UNAUTHORIZED',
      anonymous ? `Cannot get access without a login: ${detail}` : `Cannot log in: ${detail}`,
      {
        hint: anonymous
          ? 'The repository is missing or private; for a private one, log in first'
          : 'The stored credentials are wrong or have expired: log in again',
        details: { status },
      },
    )
  }
  if (status === 429)
    return new TsbuildError('REGISTRY_THROTTLED', `Cannot get a token: ${detail}`, { details: { status } })
  const code = status >= 500 ? 'REGISTRY_UNAVAILABLE' : 'REGISTRY_PROTOCOL'
  return new TsbuildError(code, `Cannot get a token: ${detail}`, { details: { status } })
}

function explanation(body: string): string {
  const document = parseObject(body)
  const errors = document?.['errors']
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  const inner = isObject(first) ? first : (document ?? {})
  const text = ['message', 'error_description', 'details', 'detail', 'error']
    .map((name) => inner[name])
    .find((one) => typeof one === 'string')
  if (typeof text === 'string') return printableLine(text, 300)
  return document === undefined && !body.trimStart().startsWith('<') ? printableLine(body, 300) : ''
}

function parseObject(content: Uint8Array | string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(typeof content === 'string' ? content : Buffer.from(content).toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
