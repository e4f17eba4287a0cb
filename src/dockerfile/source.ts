/** A place in a source text. `offset` and `column` count UTF-16 code units (what editors use); `line` and `column` start at 1. */
export interface Position {
  readonly offset: number
  readonly line: number
  readonly column: number
}

/** From `start` up to, not including, `end`. */
export interface Range {
  readonly start: Position
  readonly end: Position
}

/** Turns offsets of one text into positions. Lines end with a line feed, as in BuildKit; a carriage return belongs to its line. */
export interface LineIndex {
  readonly lineCount: number
  position(offset: number): Position
  range(start: number, end: number): Range
  /** Offset of the first character of a line, counted from 1. */
  lineStart(line: number): number
}

const firstEscapedByte = 0xdc80
const lastEscapedByte = 0xdcff

/**
 * Decodes UTF-8 without losing anything: a byte that is not part of valid UTF-8 becomes the lone surrogate U+DC00 + byte,
 * which `encodeSource` turns back. A byte order mark stays in the text as U+FEFF.
 */
export function decodeSource(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return decodeLossless(bytes)
  }
}

/** The inverse of `decodeSource`. */
export function encodeSource(text: string): Uint8Array {
  const encoder = new TextEncoder()
  if (text.isWellFormed()) return encoder.encode(text)
  const bytes = new Uint8Array(text.length * 3)
  let length = 0
  let from = 0
  for (let at = 0; at <= text.length; at++) {
    const escaped = at < text.length && isEscapedByte(text, at)
    if (!escaped && at < text.length) continue
    length += encoder.encodeInto(text.slice(from, at), bytes.subarray(length)).written
    if (escaped) bytes[length++] = text.charCodeAt(at) & 0xff
    from = at + 1
  }
  return bytes.subarray(0, length)
}

/** True when the code unit at `at` stands for a byte that was not valid UTF-8. */
export function isEscapedByte(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  if (unit < firstEscapedByte || unit > lastEscapedByte) return false
  const before = at === 0 ? 0 : text.charCodeAt(at - 1)
  return before < 0xd800 || before > 0xdbff
}

export function indexLines(text: string): LineIndex {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  // Offsets are asked for almost in order, so the line of the last answer is tried before a search.
  let last = 0
  const position = (offset: number): Position => {
    const lastStart = starts[last] ?? 0
    if (offset < lastStart || offset >= (starts[last + 1] ?? Infinity)) last = findLine(starts, offset)
    return { offset, line: last + 1, column: offset - (starts[last] ?? 0) + 1 }
  }
  return {
    lineCount: starts.length,
    position,
    range: (start, end) => ({ start: position(start), end: position(end) }),
    lineStart: (line) => starts[line - 1] ?? text.length,
  }
}

function findLine(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}

function decodeLossless(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const parts: string[] = []
  let from = 0
  let at = 0
  while (at < bytes.length) {
    const width = sequenceWidth(bytes, at)
    if (width > 0) {
      at += width
      continue
    }
    if (at > from) parts.push(decoder.decode(bytes.subarray(from, at)))
    parts.push(String.fromCharCode(0xdc00 + (bytes[at] ?? 0)))
    at += 1
    from = at
  }
  if (at > from) parts.push(decoder.decode(bytes.subarray(from, at)))
  return parts.join('')
}

/** Bytes of the UTF-8 sequence at `at`, 0 when it is not valid (overlong forms and surrogates are not, RFC 3629). */
function sequenceWidth(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  const width =
    first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0
  if (width === 0 || at + width > bytes.length) return 0
  const second = bytes[at + 1] ?? 0
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < width; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0
  return width
}
