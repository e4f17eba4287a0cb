import { messageOf, TsbuildError } from '../base/errors.ts'
import { printable } from '../base/printable.ts'
import { redact } from '../base/redact.ts'
import { createStyle } from './style.ts'
import type { Style } from './style.ts'
import type { Terminal } from './terminal.ts'

export interface ErrorReportOptions {
  /** Show the stack of every error of the chain. */
  readonly debug: boolean
  readonly logFormat: 'text' | 'json'
}

/** Tells a person (or, as one line of JSON, a program) what failed, where, why and what to do next, on stderr. */
export function reportError(error: unknown, terminal: Terminal, { debug, logFormat }: ErrorReportOptions): void {
  if (logFormat === 'json') terminal.say(JSON.stringify(errorRecord(error)))
  else terminal.say(errorText(error, createStyle(terminal.colour), debug))
}

/** What the JSON form says of an error. */
export function errorRecord(error: unknown): Readonly<Record<string, unknown>> {
  const known = error instanceof TsbuildError
  return {
    level: 'error',
    code: known ? error.code : 'INTERNAL',
    kind: known ? error.kind : 'internal',
    message: redact(messageOf(error)),
    ...(known && error.hint !== undefined ? { hint: error.hint } : {}),
    ...(known && Object.keys(error.details).length > 0 ? { details: error.details } : {}),
    causes: causesOf(error).map((cause) => redact(messageOf(cause))),
  }
}

/**
 * ```text
 * ERROR Cannot read "app.jar" of the build context: no such file [PATH_MISSING]
 *   Dockerfile:4:6
 *   …excerpt…
 *   cause: …
 *   hint: …
 * ```
 */
export function errorText(error: unknown, style: Style, debug: boolean): string {
  if (error instanceof SuppressedError) {
    return `${errorText(error.suppressed, style, debug)}\n${style.dim('then, while cleaning up:')}\n${errorText(error.error, style, debug)}`
  }
  const known = error instanceof TsbuildError
  const code = known ? error.code : 'INTERNAL'
  const lines = [`${style.bold(style.red('ERROR'))} ${printable(redact(messageOf(error)))} ${style.dim(`[${code}]`)}`]
  const excerpt = known ? error.details['excerpt'] : undefined
  if (typeof excerpt === 'string') lines.push(indent(printable(excerpt), ''))
  for (const cause of causesOf(error)) {
    const text = printable(redact(messageOf(cause)))
    if (!lines[0]!.includes(text)) lines.push(indent(`${style.dim('cause:')} ${text}`))
  }
  if (known && error.hint !== undefined) lines.push(indent(`${style.cyan('hint:')} ${printable(error.hint)}`))
  if (known) lines.push(...othersOf(error).map((other) => otherText(other, code, style)))
  if (!known) lines.push(indent(`${style.cyan('hint:')} This is a defect of tsbuild; --debug shows where it happened`))
  if (debug)
    lines.push(
      ...[error, ...causesOf(error)]
        .map(stackOf)
        .filter((stack) => stack !== '')
        .map((stack) => indent(style.dim(stack))),
    )
  return lines.join('\n')
}

interface OtherProblem {
  readonly message: string
  readonly excerpt?: string
  readonly hint?: string
}

/** Problems that were found together with the one that is thrown. */
function othersOf({ details }: TsbuildError): readonly OtherProblem[] {
  const { others } = details
  return Array.isArray(others)
    ? others.filter((other): other is OtherProblem => typeof other?.message === 'string')
    : []
}

function otherText({ message, excerpt, hint }: OtherProblem, code: string, style: Style): string {
  const lines = [`${style.bold(style.red('ERROR'))} ${printable(redact(message))} ${style.dim(`[${code}]`)}`]
  if (excerpt !== undefined) lines.push(indent(printable(excerpt), ''))
  if (hint !== undefined) lines.push(indent(`${style.cyan('hint:')} ${printable(hint)}`))
  return lines.join('\n')
}

/** The chain below an error; the errors of an aggregate count as causes. Ends at a repetition. */
function causesOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = []
  let next = error instanceof Error ? error.cause : undefined
  if (error instanceof AggregateError && next === undefined) return error.errors
  while (next !== undefined && next !== null && next !== error && !chain.includes(next) && chain.length < 8) {
    chain.push(next)
    next = next instanceof Error ? next.cause : undefined
  }
  return chain
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? printable(redact(error.stack)) : ''
}

function indent(text: string, by = '  '): string {
  return text
    .split('\n')
    .map((line) => by + line)
    .join('\n')
}
