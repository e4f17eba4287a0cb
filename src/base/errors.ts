import { errorCodes } from './error-codes.ts'
import type { ErrorCode, ErrorKind } from './error-codes.ts'
import { printable } from './printable.ts'
import { redact } from './redact.ts'

export interface ErrorOptions {
  /** What the user can do next: one line, an action. */
  readonly hint?: string
  /** The error that led to this one. */
  readonly cause?: unknown
  /** Values for programs (JSON output); never secrets. */
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * An error that the user can act on. `message` starts with the action that failed, has no full stop and quotes values;
 * `code` is for programs. Credentials inside URLs and bearer values are removed at construction, control
 * characters are made visible.
 * Defects of tsbuild itself stay plain `Error`s and are shown with their stack.
 */
export class TsbuildError extends Error {
  override readonly name: string = 'TsbuildError'
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(printable(redact(message)), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = errorCodes[code].kind
    this.hint = options.hint === undefined ? undefined : printable(redact(options.hint))
    this.details = options.details ?? {}
  }
}

/** True when `error` is a TsbuildError with one of the given codes. Catch by code, rethrow the rest. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is TsbuildError {
  return error instanceof TsbuildError && codes.includes(error.code)
}

/** True when `error` is a Node system error with the given errno name, such as `ENOENT`. */
export function hasErrno(error: unknown, ...names: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && names.includes(error.code)
}

/** The text of any thrown value, for use inside another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Turns an abort into the one error that all verbs use for it. */
export function cancelled(signal: AbortSignal): TsbuildError {
  if (hasCode(signal.reason, 'CANCELLED')) return signal.reason
  return new TsbuildError('CANCELLED', 'Stopped before the end', { cause: signal.reason })
}
