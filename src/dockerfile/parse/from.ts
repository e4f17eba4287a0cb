import type { Word } from '../ast.ts'
import { quoted } from '../diagnostics.ts'
import { checkFlags } from './flags.ts'
import type { Reader } from './parts.ts'
import { argsRange, inlineCommentHint } from './parts.ts'
import { splitBlanks, wordOf } from './words.ts'

const stageName = /^[a-z][a-z0-9\-_.]*$/

/** `FROM [--platform=…] image [AS name]` */
export const readFrom: Reader = (parts, _heredocs, report) => {
  const words = splitBlanks(parts.line.text, parts.args).map((span) => wordOf(parts.line, span))
  const [image, keyword, name] = words
  const flags = checkFlags(parts, report)
  const named = words.length === 3 && keyword !== undefined && /^as$/i.test(keyword.text)
  if (image !== undefined && words.length === 2 && !flags.valid) return undefined
  if (image === undefined || (words.length !== 1 && !named)) {
    report(
      'ARGUMENTS_INVALID',
      `FROM needs an image, or an image with "AS name", but has ${count(words)}`,
      argsRange(parts),
      { hint: arityHint(words) },
    )
    return undefined
  }
  const platform = flags.text('platform')
  const base = { kind: 'from', image, ...(platform && { platform }) } as const
  if (!named || name === undefined) return flags.valid ? base : undefined
  const lower = name.text.toLowerCase()
  if (!stageName.test(lower)) {
    const hint = 'A stage name begins with a letter and has letters, digits, "-", "_" and "." only'
    report('STAGE_NAME_INVALID', `invalid stage name ${quoted(name.text)}`, name.range, { hint })
    return undefined
  }
  return flags.valid ? { ...base, as: { keyword, name: lower, word: name } } : undefined
}

function count(words: readonly Word[]): string {
  return words.length === 0 ? 'no argument' : `${words.length} arguments`
}

function arityHint(words: readonly Word[]): string {
  const comment = inlineCommentHint(words.map((word) => word.text))
  if (comment !== undefined) return comment
  const [image, second, third] = words.map((word) => word.text)
  if (words.some(({ text }) => text.includes('{{'))) return 'This looks like a template that was not rendered'
  if (words.some(({ text }) => /\$\{[^}]*$/.test(text))) return 'A variable expression cannot hold spaces here'
  if (second !== undefined && /^v?\d/.test(second) && third === undefined) return `Did you mean "${image}:${second}"?`
  if (image === undefined) return 'Name the base image, a stage, or "scratch"'
  if (second !== undefined && /^as$/i.test(second))
    return third === undefined ? 'Name the stage after "AS"' : 'A stage name is one word'
  return `Write "FROM ${image} AS ${second ?? 'name'}" to name the stage`
}
