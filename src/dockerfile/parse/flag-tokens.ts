import { isBlank } from '../go-text.ts'
import type { Span } from './words.ts'

/** One `--name=value` with quotes and escapes resolved. `offset(i)` is where character `i` of `text` stands in the line. */
export interface FlagToken extends Span {
  readonly text: string
  offset(index: number): number
}

export interface FlagScan {
  readonly flags: readonly FlagToken[]
  /** What follows the flags. */
  readonly rest: Span
}

/**
 * Takes the words that begin with `--` from the front of an instruction's arguments; a lone `--` ends them.
 * White space is ASCII only here. BuildKit goes through bytes and garbles flags that are not ASCII; this goes through characters.
 */
export function readFlags(text: string, span: Span, escape: string): FlagScan {
  const flags: FlagToken[] = []
  let at = span.start
  while (at < span.end) {
    if (isBlank(text.charCodeAt(at))) {
      at += 1
      continue
    }
    if (text[at] !== '-' || text[at + 1] !== '-' || at + 1 >= span.end)
      return { flags, rest: { start: at, end: span.end } }
    const token = readToken(text, { start: at, end: span.end }, escape)
    at = token.end
    if (token.text === '--') return { flags, rest: { start: at, end: span.end } }
    flags.push(token)
  }
  return { flags, rest: { start: span.end, end: span.end } }
}

function readToken(text: string, { start, end: limit }: Span, escape: string): FlagToken {
  let value = ''
  const offsets: number[] = []
  let quote = ''
  let at = start
  for (; at < limit; at++) {
    const character = text[at] ?? ''
    if (quote === '' && isBlank(text.charCodeAt(at))) break
    if (quote === '' ? character === '"' || character === "'" : character === quote) {
      quote = quote === '' ? character : ''
      continue
    }
    if (character === escape) {
      at += 1
      if (at >= limit) break
    }
    value += text[at] ?? ''
    offsets.push(at)
  }
  const end = Math.min(at, limit)
  return { text: value, start, end, offset: (index) => offsets[index] ?? (offsets.at(-1) ?? start) + 1 }
}
