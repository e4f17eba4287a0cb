import { TsbuildError } from '../../base/errors.ts'
import type { HttpRequest } from './http.ts'
import { hostOf } from './url.ts'

/** Location states and presigned URLs are long; nothing honest sends more. */
export const maxHeaderSize = 64 * 1024

/** 1xx before the answer itself. */
export const maxInterim = 20

export function requestHeaders({ method, body, headers }: HttpRequest): Record<string, string> {
  const sends = body !== undefined || method === 'POST' || method === 'PUT' || method === 'PATCH'
  return sends ? { ...headers, 'content-length': String(body?.size ?? 0) } : { ...headers }
}

export function joinHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  )
}

export function protocolError(request: HttpRequest, why: string): TsbuildError {
  return new TsbuildError('REGISTRY_PROTOCOL', `Cannot reach ${hostOf(request.url)}: ${why}`)
}

export function timeoutError(request: HttpRequest, why: string): TsbuildError {
  return new TsbuildError('REGISTRY_TIMEOUT', `Cannot reach ${hostOf(request.url)}: ${why}`)
}
