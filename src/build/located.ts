import type { Problem, Range } from '@dockerfile/parser'
import { TsbuildError } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-codes.ts'

/** A source text that errors point into. */
export interface SourceText {
  readonly filename: string
  readonly source: string
}

export interface LocatedOptions {
  readonly hint?: string
  readonly cause?: unknown
  /** Code of the parser's diagnostic, for programs. */
  readonly diagnostic?: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** An error with its place in a Dockerfile: `details` carry file, line, column and the excerpt that people see. */
export function locatedError(
  text: SourceText,
  range: Range,
  code: ErrorCode,
  message: string,
  options: LocatedOptions = {},
): TsbuildError {
  const { hint, cause, diagnostic, details } = options
  return new TsbuildError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
    details: {
      ...details,
      file: text.filename,
      line: range.start.line,
      column: range.start.column,
      ...(diagnostic === undefined ? {} : { diagnostic }),
      excerpt: excerpt(text, range),
    },
  })
}

/** A problem that the parser package found in a small text, at the place where that text stands. */
export function problemError(text: SourceText, range: Range, problem: Problem): TsbuildError {
  return locatedError(text, range, 'DOCKERFILE_INVALID', sentence(problem.message), {
    diagnostic: problem.code,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
  })
}

type PlacedProblem = Problem & { readonly range: Range }

/** All problems at once: the first is the error, `details.others` has the rest with excerpt and hint. There must be one. */
export function problemsError(text: SourceText, [first, ...others]: readonly PlacedProblem[]): TsbuildError {
  if (first === undefined) throw new Error('No problem is given')
  return withOthers(problemError(text, first.range, first), text, others)
}

/** The error with further problems behind it. */
export function withOthers(error: TsbuildError, text: SourceText, problems: readonly PlacedProblem[]): TsbuildError {
  if (problems.length === 0) return error
  const others = problems.map(({ code, message, hint, range }) => ({
    code,
    message: sentence(message),
    ...(hint === undefined ? {} : { hint }),
    line: range.start.line,
    column: range.start.column,
    excerpt: excerpt(text, range),
  }))
  return new TsbuildError(error.code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
    details: { ...error.details, others },
  })
}

/** Lines of an instruction that are shown at most; the rest of a long heredoc says nothing. */
const shownLines = 6

/** `Dockerfile:4:6`, the lines of the range with a line before and after, and a caret line when it lies on one line. */
export function excerpt({ filename, source }: SourceText, { start, end }: Range): string {
  const lines = source.split('\n').map((line) => line.replace(/\r$/, ''))
  const last = Math.min(
    end.column === 1 && end.line > start.line ? end.line - 1 : end.line,
    start.line + shownLines - 1,
  )
  const from = Math.max(1, start.line - 1)
  const to = Math.min(lines.length, last + 1)
  const width = String(to).length
  const out = [`${filename}:${start.line}:${start.column}`]
  for (let number = from; number <= to; number++) {
    const line = lines[number - 1] ?? ''
    const inside = number >= start.line && number <= last
    if (!inside && line === '') continue
    out.push(`${inside ? '>' : ' '} ${String(number).padStart(width)} | ${line}`.trimEnd())
    if (inside && start.line === end.line) {
      const before = line.slice(0, start.column - 1).replace(/[^\t]/g, ' ')
      out.push(`  ${' '.repeat(width)} | ${before}${'^'.repeat(Math.max(1, end.column - start.column))}`)
    }
  }
  return out.join('\n')
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
