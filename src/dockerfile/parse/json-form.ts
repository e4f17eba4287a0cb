import type { Word } from '../ast.ts'
import type { LogicalLine } from './logical-line.ts'
import type { Span } from './words.ts'
import { trimmedBounds } from '../go-text.ts'

export type JsonForm =
  | { readonly kind: 'array'; readonly args: readonly Word[] }
  /** Valid JSON, an array, but with something else than strings in it. */
  | { readonly kind: 'notStrings' }
  /** No JSON array: the shell or plain form. `almost` when it looks as if one was meant. */
  | { readonly kind: 'none'; readonly almost: boolean }

/**
 * Reads arguments in JSON (exec) form exactly where BuildKit does: they begin with `[` and are one valid JSON array of strings.
 * Invalid JSON is not an error, it makes the shell form.
 */
export function readJsonForm(line: LogicalLine, span: Span): JsonForm {
  const [start, end] = trimmedBounds(line.text, span.start, span.end)
  if (line.text[start] !== '[') return { kind: 'none', almost: false }
  const text = line.text.slice(start, end)
  const values = parseArray(text)
  if (values === undefined) return { kind: 'none', almost: /^\[\s*["'“”‘’]/.test(text) }
  const args: Word[] = []
  let from = 0
  for (const value of values) {
    if (typeof value !== 'string') return { kind: 'notStrings' }
    const literal = findString(text, from)
    args.push({
      text: value.isWellFormed() || !text.isWellFormed() ? value : value.toWellFormed(),
      range: line.range(start + literal.start, start + literal.end),
    })
    from = literal.end
  }
  return { kind: 'array', args }
}

function parseArray(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined
    throw error
  }
}

/** The next string literal of a text that is known to be valid JSON. */
function findString(text: string, from: number): Span {
  const start = text.indexOf('"', from)
  let end = start + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return { start, end: end + 1 }
}
