import { TsbuildError } from '../../base/errors.ts'
import type { HttpRequest, HttpResponse, Wrapper } from './http.ts'
import { formatUrl, hostOf, isSecure, parseUrl } from './url.ts'

const maxRedirects = 10
const followed: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Given up when the origin (scheme, host or port) changes: S3 refuses them, and they are secrets. */
const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization'])

/**
 * Follows redirects of GET and HEAD, and 307/308 of any method. Credentials stay with the origin they were made for; a secure
 * origin never leads to a plain one. Error: REGISTRY_PROTOCOL.
 */
export const withRedirects: Wrapper = (next) => async (first) => {
  let request = first
  for (let count = 0; ; count += 1) {
    const response = await next(request)
    if (!followed.has(response.status) || !mayFollow(request, response)) return response
    const location = response.headers['location']
    await response.discard()
    if (location === undefined) throw wrong(request, `it answered ${response.status} without a location`)
    if (count === maxRedirects) throw wrong(request, `it led through more than ${maxRedirects} redirects`)
    request = redirected(request, location, response.status)
  }
}

function mayFollow(request: HttpRequest, response: HttpResponse): boolean {
  return request.method === 'GET' || request.method === 'HEAD' || response.status === 307 || response.status === 308
}

function redirected(request: HttpRequest, location: string, status: number): HttpRequest {
  const url = parseUrl(location, request.url)
  if (isSecure(request.url) && !isSecure(url)) {
    throw wrong(request, `it redirects (${status}) from a secure to a plain connection with ${hostOf(url)}`)
  }
  if (formatUrl(url) === formatUrl(request.url)) throw wrong(request, 'it redirects to itself')
  const sameOrigin = url.origin === request.url.origin
  if (!sameOrigin && request.confined === true) throw wrong(request, `it redirects credentials to ${hostOf(url)}`)
  const headers = sameOrigin
    ? request.headers
    : Object.fromEntries(Object.entries(request.headers).filter(([name]) => !secretHeaders.has(name)))
  return { ...request, url, headers }
}

function wrong(request: HttpRequest, why: string): TsbuildError {
  return new TsbuildError('REGISTRY_PROTOCOL', `Cannot follow the answer of ${hostOf(request.url)}: ${why}`)
}
