import { TsbuildError } from '../base/errors.ts'
import type { ErrorOptions } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { printableLine } from '../base/printable.ts'
import { readSome } from './transport/body.ts'
import type { HttpResponse } from './transport/http.ts'
import { formatWait, retryAfter } from './transport/retry.ts'
import { hostOf } from './transport/url.ts'

/** One entry of distribution-spec "Error Codes". Texts are made safe to show. */
export interface Diagnostic {
  readonly code: string
  readonly message: string
}

/** A registry's refusal. `status` and `diagnostics` are what it answered. */
export class RegistryError extends TsbuildError {
  override readonly name: string = 'RegistryError'
  readonly status: number
  readonly diagnostics: readonly Diagnostic[]

  constructor(
    code: ErrorCode,
    message: string,
    answer: Pick<RegistryAnswer, 'status' | 'diagnostics'>,
    options: ErrorOptions = {},
  ) {
    super(code, message, {
      ...options,
      details: { ...options.details, status: answer.status, diagnostics: answer.diagnostics },
    })
    this.status = answer.status
    this.diagnostics = answer.diagnostics
  }
}

/** An answer that is no success, with what its body says. */
export interface RegistryAnswer {
  readonly status: number
  readonly diagnostics: readonly Diagnostic[]
  readonly host: string
  readonly account: string | undefined
  /** Milliseconds that Retry-After asks for. */
  readonly wait: number | undefined
}

/** Error bodies longer than this are cut: they go into a message. */
const maxErrorBody = 64 * 1024
const errorDeadline = 10_000

export async function readAnswer(response: HttpResponse, now: () => number): Promise<RegistryAnswer> {
  const text = await readSome(response, maxErrorBody, errorDeadline)
  return {
    status: response.status,
    diagnostics: parseDiagnostics(text, response.headers['content-type']),
    host: hostOf(response.url),
    account: response.account,
    wait: retryAfter(response, { now }),
  }
}

/**
 * The error for a refused request. `action` starts the message: `Cannot pull "busybox"`. Codes by status and by the
 * specification's codes: registries disagree in the status, so the body's code decides where it has one.
 */
export function registryError(action: string, answer: RegistryAnswer): RegistryError {
  const { status, host } = answer
  const said = answer.diagnostics.map(({ code, message }) => message || code).join('; ')
  const detail = said === '' ? `${host} answered ${status}` : `${host} answered ${status}: ${said}`
  const fail = (code: ErrorCode, text: string, hint?: string): RegistryError =>
    new RegistryError(code, `${action}: ${text}`, answer, hint === undefined ? {} : { hint })

  if (status === 429 || has(answer, 'TOOMANYREQUESTS')) {
    const wait = answer.wait === undefined ? '' : `; it asks to wait ${formatWait(answer.wait)}`
    return fail('REGISTRY_THROTTLED', `${detail}${wait}`, throttleHint(answer))
  }
  if (isImmutable(answer)) return fail('REGISTRY_IMMUTABLE', detail, 'Push under another tag')
  if (status === 401 || has(answer, 'UNAUTHORIZED')) {
    return answer.account === undefined
      ? fail(
          'REGISTRY_UNAUTHORIZED',
          detail,
          `The repository does not exist or may require a login: tsbuild login ${host}`,
        )
      : fail('REGISTRY_DENIED', detail, `User "${answer.account}" may not do this, or the repository does not exist`)
  }
  if (status === 403 || has(answer, 'DENIED')) {
    return fail('REGISTRY_DENIED', detail, deniedHint(answer))
  }
  if (status === 404 || has(answer, 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'BLOB_UNKNOWN') || isHarborNotFound(answer)) {
    return fail('REGISTRY_NOT_FOUND', detail)
  }
  if (status === 405 || status === 501 || has(answer, 'UNSUPPORTED')) return fail('REGISTRY_UNSUPPORTED', detail)
  if (status === 413)
    return fail(
      'REGISTRY_REFUSED',
      `${detail} (too large for it)`,
      'A proxy in front of the registry may limit the size of uploads',
    )
  if (status >= 500) return fail('REGISTRY_UNAVAILABLE', detail)
  if (status >= 400) return fail('REGISTRY_REFUSED', detail)
  return fail('REGISTRY_PROTOCOL', `${detail}, which is no answer to this`)
}

function parseDiagnostics(text: string, contentType: string | undefined): readonly Diagnostic[] {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    const plain = contentType?.startsWith('text/plain') === true ? printableLine(text, 300) : ''
    return plain === '' ? [] : [{ code: '', message: plain }]
  }
  const entries: unknown = isObject(document) ? (document['errors'] ?? document) : document
  const list: readonly unknown[] = Array.isArray(entries) ? entries.slice(0, 5) : [entries]
  return list.filter(isObject).flatMap((entry) => {
    const code = textOf(entry['code'], 60)
    const message = textOf(entry['message'] ?? entry['details'] ?? entry['error'], 300)
    return code === '' && message === '' ? [] : [{ code, message }]
  })
}

function has(answer: RegistryAnswer, ...codes: readonly string[]): boolean {
  return answer.diagnostics.some(({ code }) => codes.includes(code))
}

/** ECR 400 TAG_INVALID, Harbor 412 PRECONDITION, Docker Hub and Artifactory 403: each with its own words for the same. */
function isImmutable(answer: RegistryAnswer): boolean {
  if (![400, 403, 409, 412].includes(answer.status)) return false
  return (
    answer.status === 412 ||
    answer.diagnostics.some(({ message }) => /immutable|cannot be overwritten|already exists/i.test(message))
  )
}

function isHarborNotFound(answer: RegistryAnswer): boolean {
  return answer.diagnostics.some(({ code, message }) => code === 'UNKNOWN' && /not found/i.test(message))
}

function deniedHint(answer: RegistryAnswer): string {
  return answer.account === undefined
    ? `The repository does not exist or may require a login: tsbuild login ${answer.host}`
    : `User "${answer.account}" may not do this, the repository does not exist, or a quota is used up`
}

function throttleHint(answer: RegistryAnswer): string {
  return answer.account === undefined ? 'Logged-in users are allowed more; or wait and try again' : 'Wait and try again'
}

function textOf(value: unknown, limit: number): string {
  return typeof value === 'string' ? printableLine(value, limit) : ''
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
