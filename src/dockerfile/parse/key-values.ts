import type { ArgDefinition, Comment, KeyValue } from '../ast.ts'
import { quoted } from '../diagnostics.ts'
import { isBlank } from '../go-text.ts'
import { checkFlags } from './flags.ts'
import type { Parts, Reader, Report } from './parts.ts'
import { argsRange, inlineCommentHint } from './parts.ts'
import type { Span } from './words.ts'
import { splitQuoted, wordOf } from './words.ts'

export const readEnv: Reader = (parts, _heredocs, report) => {
  const pairs = readPairs(parts, report)
  return pairs && { kind: 'env', pairs }
}

export const readLabel: Reader = (parts, _heredocs, report) => {
  const pairs = readPairs(parts, report)
  return pairs && { kind: 'label', pairs }
}

/** `ARG name[=default]…` */
export const readArg: Reader = (parts, _heredocs, report) => {
  checkFlags(parts, report)
  const { line } = parts
  const args: ArgDefinition[] = []
  const words = splitQuoted(line.text, parts.args, parts.escape)
  for (const span of words) {
    const word = wordOf(line, span)
    const equals = word.text.indexOf('=')
    const name = equals === -1 ? word.text : word.text.slice(0, equals)
    if (name === '') {
      report('ARGUMENTS_INVALID', `ARG has no name in front of ${quoted(word.text)}`, word.range, {
        hint: 'Write "ARG NAME=value", without spaces around "="',
      })
      continue
    }
    const value = equals === -1 ? undefined : wordOf(line, { start: span.start + equals + 1, end: span.end })
    const description = describe(parts.comments, name)
    args.push({
      name,
      range: word.range,
      ...(value && { default: value }),
      ...(description !== undefined && { description }),
    })
  }
  if (words.length === 0)
    report('ARGUMENTS_INVALID', 'ARG needs at least one name', argsRange(parts), {
      hint: 'Write "ARG NAME" or "ARG NAME=default"',
    })
  return words.length > 0 && args.length === words.length ? { kind: 'arg', args } : undefined
}

/** The text behind `# name ` in the comments in front of an ARG or FROM. */
export function describe(comments: readonly Comment[], name: string): string | undefined {
  const prefix = `${name} `
  return comments.find(({ text }) => text.startsWith(prefix))?.text.slice(prefix.length)
}

/** `key=value…`, or the legacy `key value` when the first word has no `=`. */
function readPairs(parts: Parts, report: Report): readonly KeyValue[] | undefined {
  const { line } = parts
  const name = parts.name.toUpperCase()
  const flags = checkFlags(parts, report)
  const words = splitQuoted(line.text, parts.args, parts.escape)
  const [first] = words
  const write = `Write "${name} KEY=value"`
  if (first === undefined) {
    report('ARGUMENTS_INVALID', `${name} needs at least one pair`, argsRange(parts), { hint: write })
    return undefined
  }
  const firstText = line.text.slice(first.start, first.end)
  if (!firstText.includes('=')) return readLegacyPair(parts, report) && flags.valid ? [legacyPair(parts)] : undefined
  const pairs: KeyValue[] = []
  let valid = flags.valid
  for (const span of words) {
    const word = wordOf(line, span)
    const equals = word.text.indexOf('=')
    if (equals > 0) {
      pairs.push({ key: part(parts, span, 0, equals), value: part(parts, span, equals + 1), legacy: false })
      continue
    }
    valid = false
    if (equals === 0) {
      report('ARGUMENTS_INVALID', `${name} has no name in front of ${quoted(word.text)}`, word.range, {
        hint: `${write}, without spaces around "="`,
      })
    } else {
      const hint = inlineCommentHint([word.text]) ?? `${write}; put a value with spaces in double quotes`
      report(
        'ARGUMENTS_INVALID',
        `"=" is missing in ${quoted(word.text)}, which must be of the form "name=value"`,
        word.range,
        { hint, early: true },
      )
      // What follows a stray "#" is the rest of the comment.
      if (word.text.startsWith('#')) break
    }
  }
  return valid ? pairs : undefined
}

function readLegacyPair(parts: Parts, report: Report): boolean {
  if (blankAfterKey(parts) !== -1) return true
  const name = parts.name.toUpperCase()
  report(
    'ARGUMENTS_INVALID',
    `${name} needs a value for ${quoted(wordOf(parts.line, parts.args).text)}`,
    argsRange(parts),
    {
      hint: `Write "${name} ${wordOf(parts.line, parts.args).text.slice(0, 60)}=value"`,
      early: true,
    },
  )
  return false
}

function legacyPair(parts: Parts): KeyValue {
  const end = blankAfterKey(parts)
  let valueStart = end
  while (isBlank(parts.line.text.charCodeAt(valueStart))) valueStart++
  return {
    key: wordOf(parts.line, { start: parts.args.start, end }),
    value: wordOf(parts.line, { start: valueStart, end: parts.args.end }),
    legacy: true,
  }
}

function blankAfterKey({ line, args }: Parts): number {
  for (let at = args.start; at < args.end; at++) if (isBlank(line.text.charCodeAt(at))) return at
  return -1
}

function part({ line }: Parts, span: Span, from: number, to = span.end - span.start): KeyValue['key'] {
  return wordOf(line, { start: span.start + from, end: span.start + to })
}
