import { TsbuildError, messageOf } from '../../base/errors.ts'
import { hostOf } from './url.ts'
import type { HttpRequest } from './http.ts'

/** Failures of certificates, by OpenSSL and Node name, and what the user can do. */
const certificateHints: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'Its certificate has expired; check the clock of this machine, too',
  CERT_NOT_YET_VALID: 'Its certificate is not valid yet; check the clock of this machine',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate is for another name',
}
const authorityHint =
  'Put the certificate of its authority into /etc/docker/certs.d/<host>/ca.crt, or list the registry as insecure'

/** Turns what undici, TLS and the operating system report into the errors of the registry client. */
export function wireError(error: unknown, request: HttpRequest): TsbuildError {
  if (error instanceof TsbuildError) return error
  const host = hostOf(request.url)
  const source = innermost(error)
  const code = codeOf(source)
  const fail = (
    kind: 'REGISTRY_UNREACHABLE' | 'REGISTRY_TLS' | 'REGISTRY_TIMEOUT' | 'REGISTRY_PROTOCOL',
    why: string,
    hint?: string,
  ): TsbuildError =>
    new TsbuildError(kind, `Cannot reach ${host}: ${why}`, {
      cause: error,
      details: { reason: code },
      ...(hint === undefined ? {} : { hint }),
    })
  switch (code) {
    case 'ENOTFOUND':
      return fail(
        'REGISTRY_UNREACHABLE',
        'no host of that name is known',
        'Check the spelling of the registry and the name service of this machine',
      )
    case 'EAI_AGAIN':
      return fail('REGISTRY_UNREACHABLE', 'the name service does not answer')
    case 'ECONNREFUSED':
      return fail('REGISTRY_UNREACHABLE', 'connection refused', 'Is the registry running, and is that its port?')
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return fail('REGISTRY_UNREACHABLE', 'no route to it')
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return fail('REGISTRY_TIMEOUT', 'it does not answer')
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'HPE_HEADER_OVERFLOW':
      return fail('REGISTRY_PROTOCOL', 'the headers of its answer are too long')
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return fail('REGISTRY_UNREACHABLE', 'the connection was lost')
    default:
      return otherFailure(source, code, fail)
  }
}

type Fail = (
  kind: 'REGISTRY_UNREACHABLE' | 'REGISTRY_TLS' | 'REGISTRY_PROTOCOL',
  why: string,
  hint?: string,
) => TsbuildError

function otherFailure(source: unknown, code: string, fail: Fail): TsbuildError {
  if (code in certificateHints) return fail('REGISTRY_TLS', messageOf(source), certificateHints[code])
  if (/^(?:DEPTH_|UNABLE_TO_|SELF_SIGNED|CERT_|ERR_TLS_)/.test(code))
    return fail('REGISTRY_TLS', messageOf(source), authorityHint)
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    const plain = /wrong.version.number|packet length too long|http.request/i.test(messageOf(source))
    return plain
      ? fail('REGISTRY_TLS', 'it does not speak TLS', 'List the registry as insecure if it serves plain http')
      : fail('REGISTRY_TLS', messageOf(source))
  }
  if (code.startsWith('HPE_') || (source instanceof Error && source.name === 'HTTPParserError'))
    return fail('REGISTRY_PROTOCOL', 'it does not answer by HTTP')
  if (code === 'UND_ERR_INVALID_ARG') return fail('REGISTRY_PROTOCOL', messageOf(source))
  return fail('REGISTRY_UNREACHABLE', messageOf(source))
}

/** Node joins the failures of several addresses in an AggregateError, and wrappers hide the system error in `cause`. */
function innermost(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return innermost(error.errors[0])
  if (error instanceof Error && error.cause instanceof Error && codeOf(error.cause) !== '')
    return innermost(error.cause)
  return error
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
