import type { Range } from './source.ts'

export type Severity = 'error' | 'warning'

/** Every code that a diagnostic can carry. Programs match on the code; the message is for people. */
export const diagnosticCodes = {
  FILE_EMPTY: 'The file has no instruction',
  FILE_NOT_UTF8: 'The file contains bytes that are not UTF-8',
  NO_STAGE: 'An instruction stands before the first FROM, or there is no FROM',
  DIRECTIVE_INVALID: 'A parser directive is repeated or has a wrong value',
  SYNTAX_FOREIGN: 'The syntax directive names a frontend other than docker/dockerfile',
  SYNTAX_NEWER: 'The syntax directive asks for a newer version than is implemented',
  INSTRUCTION_UNKNOWN: 'There is no such instruction',
  ARGUMENTS_INVALID: 'An instruction has too few, too many or malformed arguments',
  FLAG_UNKNOWN: 'An instruction has no such flag',
  FLAG_INVALID: 'A flag is repeated, lacks its value or has a wrong one',
  FLAG_IGNORED: 'A flag has no effect on this instruction',
  MOUNT_INVALID: 'A RUN --mount has an unknown key, a wrong value or keys that do not go together',
  DEVICE_INVALID: 'A RUN --device is malformed',
  HEREDOC_UNTERMINATED: 'The end marker of a heredoc is missing',
  HEREDOC_MISPLACED: 'A heredoc stands where none can be',
  JSON_FORM_INVALID: 'A JSON array holds something else than strings, or JSON is required',
  STAGE_NAME_INVALID: 'A stage name has characters that are not allowed',
  STAGE_UNKNOWN: 'A stage, target or index does not exist',
  STAGE_ORDER: 'A stage is used before it is defined, or stages depend on each other in a circle',
  BASE_INVALID: 'The base image name is empty or malformed',
  PLATFORM_INVALID: 'A platform is not of the form os/arch[/variant]',
  ONBUILD_INVALID: 'ONBUILD holds an instruction that is not allowed there',
  EXPANSION_FAILED: 'A variable expression is malformed or a required variable is missing',
  EXPANSION_UNSUPPORTED: 'A variable stands where none is expanded',
  PORT_INVALID: 'An EXPOSE port, range or protocol is malformed',
  SIGNAL_INVALID: 'A STOPSIGNAL is neither a known name nor a number',
  CHMOD_INVALID: 'A --chmod is neither octal nor symbolic',
  CHECKSUM_INVALID: 'A --checksum is malformed or its source cannot have one',
  SOURCE_INVALID: 'A COPY or ADD source cannot be used with this instruction',
  IGNORE_INVALID: 'A pattern of an ignore file is malformed',
  CHECK: 'A check of good practice; `rule` names it',
} as const satisfies Record<string, string>

export type DiagnosticCode = keyof typeof diagnosticCodes

export interface RelatedPlace {
  readonly message: string
  readonly range: Range
}

/**
 * One problem. `message` starts with what is wrong, quotes values with double quotes and has no full stop;
 * `hint` is one line that says what to do.
 */
export interface Diagnostic {
  readonly code: DiagnosticCode
  /** Name of the check, when `code` is `CHECK`. */
  readonly rule?: string
  readonly severity: Severity
  readonly message: string
  readonly range: Range
  readonly hint?: string
  readonly related?: readonly RelatedPlace[]
}

/** A problem of a small text (a port, a mount) before it has a place. `start` and `end` are offsets into that text. */
export interface Problem {
  readonly code: DiagnosticCode
  readonly message: string
  readonly hint?: string
  readonly start?: number
  readonly end?: number
}

/** The result of reading a small text: its value or what is wrong with it. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem }

export function good<T>(value: T): Checked<T> {
  return { ok: true, value }
}

export function bad(code: DiagnosticCode, message: string, hint?: string): Checked<never> {
  return { ok: false, problem: hint === undefined ? { code, message } : { code, message, hint } }
}

/** A value in double quotes for a message; a long one is cut. */
export function quoted(value: string): string {
  return value.length > 100 ? `"${value.slice(0, 97)}…"` : `"${value}"`
}
