import type {
  ArgInstruction,
  Comment,
  Directive,
  Directives,
  DocumentItem,
  Instruction,
  ParsedDockerfile,
  Stage,
} from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { quoted } from '../diagnostics.ts'
import { trim } from '../go-text.ts'
import { didYouMean } from '../nearest.ts'
import type { LineIndex } from '../source.ts'
import { decodeSource, indexLines, isEscapedByte } from '../source.ts'
import { findLeadingDirective, matchDirective } from './directives.ts'
import { describe } from './key-values.ts'
import { canHaveHeredoc, readInstruction } from './instruction.ts'
import { findHeredocs, readBodies } from './heredoc.ts'
import { readLogicalLine, readPhysicalLine, skipSpace } from './logical-line.ts'
import type { Report } from './parts.ts'
import { splitInstruction } from './parts.ts'
import { matchesSyntaxDirective, syntaxVersion } from './syntax.ts'

export interface ParseOptions {
  /** Shown in rendered diagnostics; `Dockerfile` when not given. */
  readonly filename?: string
}

/**
 * Parses a Dockerfile. Never throws: whatever is wrong becomes a diagnostic, and the rest of the file is still read, so that
 * all independent problems come at once. Time and memory grow with the length of the text.
 */
export function parseDockerfile(text: string | Uint8Array, options: ParseOptions = {}): ParsedDockerfile {
  const source = typeof text === 'string' ? text : decodeSource(text)
  return new Parser(source, options.filename ?? 'Dockerfile').parse()
}

/** One pass over one text. */
class Parser {
  readonly #source: string
  readonly #filename: string
  readonly #lines: LineIndex
  readonly #items: DocumentItem[] = []
  readonly #instructions: Instruction[] = []
  readonly #diagnostics: Diagnostic[] = []
  readonly #directives: Directive[] = []
  #directivesDone = false
  #escape: '\\' | '`' = '\\'
  /** Comments in front of the next instruction; an empty comment starts anew, an empty line does not. */
  #comments: Comment[] = []

  constructor(source: string, filename: string) {
    this.#source = source
    this.#filename = filename
    this.#lines = indexLines(source)
  }

  parse(): ParsedDockerfile {
    this.#checkEncoding()
    const directives = this.#leadingDirectives()
    for (let at = 0; at < this.#source.length;) at = this.#readItem(at)
    const { stages, globalArgs } = this.#gatherStages()
    return {
      filename: this.#filename,
      source: this.#source,
      items: this.#items,
      directives: { ...directives, all: this.#directives, escape: this.#escape },
      instructions: this.#instructions,
      stages,
      globalArgs,
      diagnostics: this.#diagnostics.toSorted((a, b) => a.range.start.offset - b.range.start.offset),
    }
  }

  #report: Report = (code, message, range, { severity = 'error', hint, related } = {}) => {
    this.#diagnostics.push({
      code,
      severity,
      message,
      range,
      ...(hint !== undefined && { hint }),
      ...(related && { related }),
    })
  }

  #readItem(start: number): number {
    const physical = readPhysicalLine(this.#source, start)
    const from = start === 0 && this.#source.startsWith('\uFEFF') ? 1 : start
    const content = skipSpace(this.#source, from, physical.end)
    if (this.#source[content] === '#' && content < physical.end) {
      const kind = this.#readComment(start, content, physical.end)
      this.#push(kind, start, physical.next)
      return physical.next
    }
    this.#directivesDone = true
    if (content === physical.end) {
      this.#push('blank', start, physical.next)
      return physical.next
    }
    return this.#readInstruction(start, { ...physical, start: content })
  }

  #readComment(start: number, sign: number, end: number): 'comment' | 'directive' {
    const directive = this.#directivesDone ? undefined : matchDirective(this.#source, sign + 1, end, this.#lines)
    if (directive !== undefined) {
      this.#takeDirective(directive)
      return 'directive'
    }
    this.#directivesDone = true
    // BuildKit drops the first byte of the line, which is the sign only when nothing stands in front of it.
    const from = start === 0 && this.#source.startsWith('\uFEFF') ? 1 : start
    const text = trim(this.#source.slice(from + 1, end))
    if (text === '') this.#comments = []
    else this.#comments.push({ text, range: this.#lines.range(sign, end) })
    return 'comment'
  }

  #takeDirective(directive: Directive): void {
    if (this.#directives.some(({ name }) => name === directive.name)) {
      this.#report('DIRECTIVE_INVALID', `directive "${directive.name}" is given twice`, directive.range, {
        hint: 'Keep one of them',
      })
      return
    }
    this.#directives.push(directive)
    if (directive.name !== 'escape') return
    if (directive.value === '\\' || directive.value === '`') this.#escape = directive.value
    else
      this.#report(
        'DIRECTIVE_INVALID',
        `escape character must be "\\" or "\`", not ${quoted(directive.value)}`,
        directive.valueRange,
      )
  }

  #readInstruction(
    itemStart: number,
    physical: { readonly start: number; readonly end: number; readonly next: number },
  ): number {
    const group = readLogicalLine(this.#source, physical, this.#escape, this.#lines)
    const { line } = group
    const parts = splitInstruction(line, { start: 0, end: line.text.length }, this.#escape, this.#comments)
    this.#comments = []
    const { marks, blockedBy } = canHaveHeredoc(parts) ? findHeredocs(line.text) : { marks: [] }
    const bodies = readBodies(this.#source, group.next, line, marks, this.#lines)
    const end = marks.length === 0 ? group.end : bodies.end
    const range = this.#lines.range(group.start, Math.max(group.start, end))
    const text = this.#source.slice(group.start, end)
    const instruction = readInstruction(
      parts,
      { range, text, emptyLines: group.emptyLines },
      bodies.heredocs,
      this.#report,
    )
    if (bodies.unterminated !== undefined) {
      const { mark, start, end: markEnd } = bodies.unterminated
      const hint = `End it with a line that is exactly "${mark.name}"${mark.chomp ? '' : ', or begin it with "<<-" to allow tabs in front'}`
      this.#report('HEREDOC_UNTERMINATED', `heredoc ${quoted(mark.name)} has no end`, line.range(start, markEnd), {
        hint,
      })
    }
    if (blockedBy !== undefined) this.#noteBlockedHeredoc(line.text, instruction, blockedBy)
    this.#instructions.push(instruction)
    const next = marks.length === 0 ? group.next : bodies.next
    this.#items.push({
      kind: 'instruction',
      text: this.#source.slice(itemStart, next),
      range: this.#lines.range(itemStart, next),
      instruction,
    })
    return next
  }

  /** The lines that follow will look like unknown instructions; this says why. */
  #noteBlockedHeredoc(text: string, instruction: Instruction, reason: string): void {
    if (!/<<-?\s*["']?\w/.test(text.replace(/<<</g, ''))) return
    const hint = 'Put what the line holds besides the heredoc into its body'
    this.#report(
      'HEREDOC_MISPLACED',
      `heredoc is not read, because the line cannot be split into words: ${reason}`,
      instruction.keyword.range,
      { severity: 'warning', hint },
    )
  }

  #leadingDirectives(): Pick<Directives, 'syntax' | 'check'> {
    const syntax = findLeadingDirective(this.#source, 'syntax', this.#lines)
    const check = findLeadingDirective(this.#source, 'check', this.#lines)
    const match = syntax === undefined ? 'served' : matchesSyntaxDirective(syntax.value)
    if (syntax !== undefined && match === 'newer') {
      const hint = 'What that version added may be missing'
      this.#report(
        'SYNTAX_NEWER',
        `syntax ${quoted(syntax.value)} is newer than ${syntaxVersion}, which is used instead`,
        syntax.valueRange,
        { severity: 'warning', hint },
      )
    }
    if (syntax !== undefined && match === 'foreign') {
      const hint =
        didYouMean(syntax.value.replace(/:.*/, ''), ['docker/dockerfile']) ??
        'Remove the directive, or name "docker/dockerfile:1"'
      this.#report(
        'SYNTAX_FOREIGN',
        `syntax ${quoted(syntax.value)} is another frontend than docker/dockerfile and cannot be used`,
        syntax.valueRange,
        { hint },
      )
    }
    return { ...(syntax && { syntax }), ...(check && { check }) }
  }

  #gatherStages(): { readonly stages: readonly Stage[]; readonly globalArgs: readonly ArgInstruction[] } {
    const stages: (Omit<Stage, 'instructions'> & { readonly instructions: Instruction[] })[] = []
    const globalArgs: ArgInstruction[] = []
    let open: Instruction[] | undefined
    let seen = false
    for (const instruction of this.#instructions) {
      if (instruction.kind === 'from') {
        const name = instruction.as?.name
        const description = name === undefined ? undefined : describe(instruction.comments, name)
        const index = stages.length
        open = []
        stages.push({
          index,
          ...(name !== undefined && { name }),
          from: instruction,
          instructions: open,
          ...(description !== undefined && { description }),
        })
      } else if (isFrom(instruction)) {
        // What follows belongs to a stage that could not be read, not to the one before.
        open = undefined
      } else if (open !== undefined) {
        open.push(instruction)
      } else if (instruction.kind === 'arg' && !seen) {
        globalArgs.push(instruction)
      }
      seen ||= isFrom(instruction)
    }
    this.#checkFirst()
    return { stages, globalArgs }
  }

  /** Only ARG may stand in front of the first FROM. A FROM with an error counts as one. */
  #checkFirst(): void {
    const start = this.#lines.range(0, 0)
    if (this.#instructions.length === 0) {
      const hint = 'A Dockerfile begins with "FROM image"'
      this.#report('FILE_EMPTY', this.#source === '' ? 'file is empty' : 'file has no instruction', start, { hint })
      return
    }
    const firstFrom = this.#instructions.findIndex(isFrom)
    const early = this.#instructions.slice(0, firstFrom === -1 ? undefined : firstFrom)
    const stray = early.find(({ kind }) => kind !== 'arg' && kind !== 'invalid')
    if (stray !== undefined) {
      const hint = firstFrom === -1 ? 'Begin with "FROM image"' : 'Move it below the first FROM'
      this.#report(
        'NO_STAGE',
        `${stray.keyword.text.toUpperCase()} stands before the first FROM`,
        stray.keyword.range,
        { hint },
      )
    } else if (firstFrom === -1 && early.every(({ kind }) => kind === 'arg')) {
      this.#report('NO_STAGE', 'file has no FROM, so there is nothing to build', start, {
        hint: 'Add "FROM image" after the ARG instructions',
      })
    }
  }

  #checkEncoding(): void {
    for (let at = 0; at < this.#source.length; at++) {
      if (this.#source.charCodeAt(at) < 0xdc80 || !isEscapedByte(this.#source, at)) continue
      const hint = 'Save the file as UTF-8'
      this.#report('FILE_NOT_UTF8', 'file has a byte that is not UTF-8', this.#lines.range(at, at + 1), {
        severity: 'warning',
        hint,
      })
      return
    }
  }

  #push(kind: 'directive' | 'comment' | 'blank', start: number, end: number): void {
    this.#items.push({ kind, text: this.#source.slice(start, end), range: this.#lines.range(start, end) })
  }
}

/** Also one that could not be read. */
function isFrom(instruction: Instruction): boolean {
  return instruction.keyword.text.toUpperCase() === 'FROM'
}
