import type { Heredoc } from '../ast.ts'
import { expandWords } from '../expand/expand.ts'
import type { LineIndex } from '../source.ts'
import type { LogicalLine } from './logical-line.ts'
import { readPhysicalLine } from './logical-line.ts'

/** `<<EOF`, `<<-"EOF"`, `3<<EOF`. */
export interface HeredocMark {
  readonly name: string
  readonly expand: boolean
  readonly chomp: boolean
  readonly fileDescriptor: number
}

const nothing = new Map<string, string>()
/** A variable with a modifier makes BuildKit's lexer forget what stands in front of it, so such a word is no heredoc mark. */
const modifiedVariable = /\$\{[^{}]*[^{}\p{L}\p{Nd}_@*$!]/u
const markPattern = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/

/** Reads one word as a heredoc mark. Its name ends up without quotes; with quotes the content is not expanded. */
export function readHeredocMark(word: string): HeredocMark | undefined {
  const match = markPattern.exec(word)
  const [, descriptor = '', dash = '', rest = ''] = match ?? []
  if (rest === '' || modifiedVariable.test(rest)) return undefined
  const plain = expandWords(rest, nothing, { keepUnset: true })
  const raw = expandWords(rest, nothing, { keepUnset: true, keepQuotes: true })
  const [name] = plain.words
  const [rawName] = raw.words
  if (name === undefined || plain.words.length !== 1 || rawName === undefined || raw.words.length !== 1)
    return undefined
  return {
    name,
    expand: countQuotes(name) === countQuotes(rawName),
    chomp: dash === '-',
    fileDescriptor: descriptor === '' ? 0 : Number(descriptor),
  }
}

export interface FoundMark {
  readonly mark: HeredocMark
  readonly start: number
  readonly end: number
}

/**
 * The heredocs of an instruction's line, in order. When the line is not well-formed for the word lexer (an odd quote, a bash
 * expression such as `${x:0:3}`), BuildKit finds none, and the lines that follow are instructions; `blockedBy` says why.
 */
export function findHeredocs(text: string): { readonly marks: readonly FoundMark[]; readonly blockedBy?: string } {
  if (!text.includes('<<')) return { marks: [] }
  const { words, error } = expandWords(text, nothing, { keepUnset: true, keepQuotes: true, keepEscapes: true })
  if (error !== undefined) return { marks: [], blockedBy: error.message }
  const marks: FoundMark[] = []
  let from = 0
  for (const word of words) {
    const mark = readHeredocMark(word)
    if (mark === undefined) continue
    const found = text.indexOf(word, from)
    const start = found === -1 ? from : found
    const end = Math.min(start + word.length, text.length)
    marks.push({ mark, start, end })
    from = end
  }
  return { marks }
}

export interface HeredocBodies {
  readonly heredocs: readonly Heredoc[]
  /** Where reading went on to. */
  readonly next: number
  /** End of the last end marker, without its line end. */
  readonly end: number
  /** The first heredoc whose end marker is missing; it takes the rest of the file. */
  readonly unterminated?: FoundMark
}

/** Reads the bodies, which begin at `start`. A body ends at a line that equals the name, after leading tabs with `<<-`. */
export function readBodies(
  source: string,
  start: number,
  line: LogicalLine,
  marks: readonly FoundMark[],
  lines: LineIndex,
): HeredocBodies {
  const heredocs: Heredoc[] = []
  let next = start
  let end = start
  for (const found of marks) {
    const { mark } = found
    const contentStart = next
    let contentEnd = -1
    while (contentEnd === -1 && next < source.length) {
      const physical = readPhysicalLine(source, next)
      let from = physical.start
      if (mark.chomp) while (source[from] === '\t') from++
      if (physical.end - from === mark.name.length && source.startsWith(mark.name, from)) contentEnd = physical.start
      next = physical.next
      end = physical.end
    }
    const stop = contentEnd === -1 ? source.length : contentEnd
    const content = source.slice(contentStart, stop)
    const contentRange = lines.range(contentStart, stop)
    heredocs.push({ ...mark, content, contentRange, range: line.range(found.start, found.end) })
    if (contentEnd === -1) return { heredocs, next, end, unterminated: found }
  }
  return { heredocs, next, end }
}

/** The content as a COPY file gets it: without leading tabs for `<<-`. Variables are not expanded yet. */
export function heredocContent(heredoc: Pick<Heredoc, 'chomp' | 'content'>): string {
  return heredoc.chomp ? heredoc.content.replace(/(^|\n)\t+/g, '$1') : heredoc.content
}

function countQuotes(text: string): number {
  return text.match(/['"]/g)?.length ?? 0
}
