import type { Range } from '@dockerfile/parser'

/** `line:column-line:column` */
export function at({ start, end }: Range): string {
  return `${start.line}:${start.column}-${end.line}:${end.column}`
}

/** A syntax tree as plain data that reads well: words become their text, ranges their place, repeated source texts go. */
export function summarize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(summarize)
  if (typeof value !== 'object' || value === null) return value
  if (isRange(value)) return at(value)
  const { text, range, ...rest } = value as Record<string, unknown>
  if (typeof text === 'string' && Object.keys(rest).length === 0 && range !== undefined)
    return `${text} @ ${at(range as Range)}`
  const hidden = new Set(['keyword', 'code', 'flags', 'contentRange'])
  const entries = Object.entries({ ...rest, range }).filter(
    ([key, inner]) => !hidden.has(key) && !(Array.isArray(inner) && inner.length === 0),
  )
  return Object.fromEntries(entries.map(([key, inner]) => [key, summarize(inner)]))
}

function isRange(value: object): value is Range {
  return 'start' in value && 'end' in value && typeof value.start === 'object'
}
