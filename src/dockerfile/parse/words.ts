import type { Word } from '../ast.ts'
import { isBlank, isSpaceAt } from '../go-text.ts'
import type { LogicalLine } from './logical-line.ts'

/** A part of a logical line. */
export interface Span {
  readonly start: number
  readonly end: number
}

export function wordOf(line: LogicalLine, { start, end }: Span): Word {
  return { text: line.text.slice(start, end), range: line.range(start, end) }
}

/** Splits at runs of blanks; quotes mean nothing. */
export function splitBlanks(text: string, span: Span): Span[] {
  const spans: Span[] = []
  let start = -1
  for (let at = span.start; at <= span.end; at++) {
    const inside = at < span.end && !isBlank(text.charCodeAt(at))
    if (inside && start === -1) start = at
    if (inside || start === -1) continue
    spans.push({ start, end: at })
    start = -1
  }
  return spans
}

/**
 * Splits at white space outside quotes. Quotes and escapes stay in the words; inside single quotes nothing is escaped.
 * A lone escape character at the very end is dropped.
 */
export function splitQuoted(text: string, span: Span, escape: string): Span[] {
  const spans: Span[] = []
  let start = -1
  let quote = ''
  let { end } = span
  for (let at = span.start; at < span.end; at++) {
    const character = text[at] ?? ''
    if (quote === '' && isSpaceAt(text, at)) {
      if (start !== -1) spans.push({ start, end: at })
      start = -1
      continue
    }
    if (start === -1) start = at
    if (character === escape && quote !== "'") {
      if (at + 1 === span.end) end = at
      at += 1
    } else if (character === quote) {
      quote = ''
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character
    }
  }
  if (start !== -1 && end > start) spans.push({ start, end })
  return spans
}
