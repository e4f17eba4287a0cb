import { isSpaceAt } from '../go-text.ts'
import type { LineIndex, Range } from '../source.ts'

/** One line of the file: `start` to `end` without its line end, `next` is where the following one begins. */
export interface PhysicalLine {
  readonly start: number
  readonly end: number
  readonly next: number
}

/** An instruction with its continuations joined. Offsets into `text` are turned into places of the source by `range`. */
export interface LogicalLine {
  readonly text: string
  range(start: number, end: number): Range
}

/** What was read for one instruction. */
export interface LineGroup {
  readonly line: LogicalLine
  /** Offset of the first character that is not white space. */
  readonly start: number
  /** End of the last line that belongs to it. */
  readonly end: number
  /** Where the next line begins. */
  readonly next: number
  /** Places of lines without content between continuations. */
  readonly emptyLines: readonly Range[]
}

/** Line ends are a line feed with any carriage returns before it. */
export function readPhysicalLine(source: string, start: number): PhysicalLine {
  const feed = source.indexOf('\n', start)
  const next = feed === -1 ? source.length : feed + 1
  let end = feed === -1 ? next : feed
  while (end > start && source[end - 1] === '\r') end--
  return { start, end, next }
}

export function skipSpace(source: string, start: number, end: number): number {
  while (start < end && isSpaceAt(source, start)) start++
  return start
}

/**
 * Joins a line with its continuations. A line is continued when the escape character, not preceded by another one, is its last
 * character but for blanks. Comment lines in between are skipped, and so are empty ones, which BuildKit warns about.
 */
export function readLogicalLine(source: string, first: PhysicalLine, escape: string, lines: LineIndex): LineGroup {
  const start = skipSpace(source, first.start, first.end)
  const pieces: Piece[] = []
  const emptyLines: Range[] = []
  let length = 0
  let end = first.end
  let { next } = first
  const append = (from: number, to: number): boolean => {
    const cut = continuationAt(source, from, to, escape)
    const stop = cut === -1 ? to : cut
    pieces.push({ at: length, source: from, text: source.slice(from, stop) })
    length += stop - from
    end = to
    return cut !== -1
  }
  let continued = append(start, first.end)
  while (continued && next < source.length) {
    const line = readPhysicalLine(source, next)
    const content = skipSpace(source, line.start, line.end)
    if (content === line.end) emptyLines.push(lines.range(line.start, line.end))
    else if (source[content] !== '#') continued = append(line.start, line.end)
    next = line.next
  }
  return { line: createLogicalLine(pieces, lines), start, end, next, emptyLines }
}

interface Piece {
  /** Offset in the joined text. */
  readonly at: number
  readonly source: number
  readonly text: string
}

function continuationAt(source: string, from: number, to: number, escape: string): number {
  let at = to
  while (at > from && (source[at - 1] === ' ' || source[at - 1] === '\t')) at--
  at -= 1
  if (at < from || source[at] !== escape) return -1
  return at > from && source[at - 1] === escape ? -1 : at
}

function createLogicalLine(pieces: readonly Piece[], lines: LineIndex): LogicalLine {
  let last = 0
  const pieceAt = (offset: number): Piece => {
    const holds = (index: number): boolean =>
      offset >= (pieces[index]?.at ?? 0) && offset < (pieces[index + 1]?.at ?? Infinity)
    if (!holds(last)) {
      let low = 0
      let high = pieces.length - 1
      while (low < high) {
        const middle = (low + high + 1) >> 1
        if ((pieces[middle]?.at ?? 0) <= offset) low = middle
        else high = middle - 1
      }
      last = low
    }
    return pieces[last] ?? { at: 0, source: 0, text: '' }
  }
  const toSource = (offset: number): number => {
    const piece = pieceAt(offset)
    return piece.source + Math.min(offset - piece.at, piece.text.length)
  }
  return {
    text: pieces.map((piece) => piece.text).join(''),
    // The end belongs to the piece of the last character, not to the one that begins there.
    range: (start, end) => lines.range(toSource(start), end > start ? toSource(end - 1) + 1 : toSource(start)),
  }
}
