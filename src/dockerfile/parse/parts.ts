import type { Comment, Heredoc, Instruction, InstructionBase, Word } from '../ast.ts'
import type { DiagnosticCode, RelatedPlace } from '../diagnostics.ts'
import { isBlank, trimmedBounds } from '../go-text.ts'
import type { Range } from '../source.ts'
import type { FlagToken } from './flag-tokens.ts'
import { readFlags } from './flag-tokens.ts'
import type { JsonForm } from './json-form.ts'
import { readJsonForm } from './json-form.ts'
import type { LogicalLine } from './logical-line.ts'
import type { Span } from './words.ts'
import { wordOf } from './words.ts'

/** An instruction taken apart, before its arguments are understood. */
export interface Parts {
  readonly line: LogicalLine
  readonly escape: '\\' | '`'
  readonly keyword: Word
  /** The keyword in lower case. */
  readonly name: string
  readonly flags: readonly FlagToken[]
  /** The arguments behind the flags, without white space around them. */
  readonly args: Span
  /** For instructions that have a JSON form. */
  readonly json?: JsonForm
  readonly comments: readonly Comment[]
}

export interface ReportOptions {
  readonly severity?: 'error' | 'warning'
  readonly hint?: string | undefined
  readonly related?: readonly RelatedPlace[]
  /** BuildKit finds it while it splits the file, so also inside ONBUILD. */
  readonly early?: boolean
}

/** Adds a diagnostic; gives `undefined` so that a reader can return it. */
export type Report = (code: DiagnosticCode, message: string, range: Range, options?: ReportOptions) => undefined

type FieldsOf<I> = I extends Instruction ? Omit<I, keyof InstructionBase> : never
/** An instruction without what all instructions have. */
export type Fields = FieldsOf<Instruction>

/** Understands the arguments of one kind of instruction; reports every problem and gives `undefined` when there was an error. */
export type Reader = (parts: Parts, heredocs: readonly Heredoc[], report: Report) => Fields | undefined

const jsonInstructions: ReadonlySet<string> = new Set(['add', 'cmd', 'copy', 'entrypoint', 'run', 'shell', 'volume'])

/** Splits a line into keyword, flags and arguments. */
export function splitInstruction(
  line: LogicalLine,
  span: Span,
  escape: '\\' | '`',
  comments: readonly Comment[],
): Parts {
  const [start, end] = trimmedBounds(line.text, span.start, span.end)
  let keywordEnd = start
  while (keywordEnd < end && !isBlank(line.text.charCodeAt(keywordEnd))) keywordEnd++
  const { flags, rest } = readFlags(line.text, { start: keywordEnd, end }, escape)
  const [argsStart, argsEnd] = trimmedBounds(line.text, rest.start, rest.end)
  const keyword = wordOf(line, { start, end: keywordEnd })
  const parts = {
    line,
    escape,
    keyword,
    name: keyword.text.toLowerCase(),
    flags,
    args: { start: argsStart, end: argsEnd },
    comments,
  }
  return jsonInstructions.has(parts.name) ? { ...parts, json: readJsonForm(line, parts.args) } : parts
}

/** The place of the arguments; of the keyword when there are none. */
export function argsRange({ line, args, keyword }: Parts): Range {
  return args.end > args.start ? line.range(args.start, args.end) : keyword.range
}

/** The hint for a word that was meant as a comment behind an instruction. */
export function inlineCommentHint(words: readonly string[]): string | undefined {
  if (!words.some((word) => word.startsWith('#'))) return undefined
  return 'A "#" inside a line does not start a comment: put the comment on a line of its own above'
}
