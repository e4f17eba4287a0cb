import type { Directive } from '../ast.ts'
import { skipSpace, readPhysicalLine } from './logical-line.ts'
import type { LineIndex } from '../source.ts'

export type DirectiveName = Directive['name']
export const directiveNames = ['syntax', 'escape', 'check'] as const

const beginning = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=/
const space = /[\t\n\f\r ]/

/** Reads `name=value` behind a comment sign. Gives nothing for any other comment. */
export function matchDirective(source: string, start: number, end: number, lines: LineIndex): Directive | undefined {
  const from = skipSpace(source, start, end)
  const [head = '', word = ''] = beginning.exec(source.slice(from, end)) ?? []
  const name = directiveNames.find((candidate) => candidate === word.toLowerCase())
  if (name === undefined) return undefined
  let valueStart = from + head.length
  let valueEnd = end
  while (valueStart < valueEnd - 1 && space.test(source[valueStart] ?? '')) valueStart++
  while (valueEnd > valueStart + 1 && space.test(source[valueEnd - 1] ?? '')) valueEnd--
  if (valueStart >= valueEnd) return undefined
  const value = source.slice(valueStart, valueEnd)
  return { name, value, range: lines.range(start, end), valueRange: lines.range(valueStart, valueEnd) }
}

/**
 * Finds the directive that decides about the whole file before it is parsed (`syntax`, `check`): at the top, after a byte order
 * mark and a `#!` line; unlike `escape` it must stand in the first column. `syntax` is also found behind `//`, and as a member of a file that is JSON.
 */
export function findLeadingDirective(
  source: string,
  name: 'syntax' | 'check',
  lines: LineIndex,
): Directive | undefined {
  let start = source.startsWith('\uFEFF') ? 1 : 0
  if (source.startsWith('#!', start)) start = readPhysicalLine(source, start).next
  const signs = name === 'syntax' ? ['#', '//'] : ['#']
  for (const sign of signs) {
    const found = findBehind(sign, source, start, name, lines)
    if (found !== undefined) return found
  }
  return name === 'syntax' ? findInJson(source, start, lines) : undefined
}

function findBehind(
  sign: string,
  source: string,
  start: number,
  name: DirectiveName,
  lines: LineIndex,
): Directive | undefined {
  const seen = new Set<string>()
  for (let at = start; at < source.length;) {
    const line = readPhysicalLine(source, at)
    if (!source.startsWith(sign, line.start)) return undefined
    const directive = matchDirective(source, line.start + sign.length, line.end, lines)
    if (directive === undefined || seen.has(directive.name)) return undefined
    if (directive.name === name) {
      const [value = ''] = directive.value.split(' ')
      return { ...directive, value }
    }
    seen.add(directive.name)
    at = line.next
  }
  return undefined
}

function findInJson(source: string, start: number, lines: LineIndex): Directive | undefined {
  if (source[skipSpace(source, start, source.length)] !== '{') return undefined
  let document: unknown
  try {
    document = JSON.parse(source.slice(start))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined
    throw error
  }
  if (
    typeof document !== 'object' ||
    document === null ||
    !('syntax' in document) ||
    typeof document.syntax !== 'string'
  )
    return undefined
  const range = lines.range(start, start)
  return { name: 'syntax', value: document.syntax, range, valueRange: range }
}
