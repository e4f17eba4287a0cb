import { toGithubAnnotations, toSarif } from '@dockerfile/parser'
import type { Diagnostic } from '@dockerfile/parser'
import { printable } from '../../base/printable.ts'
import { version } from '../../base/version.ts'
import { excerpt } from '../../build/located.ts'
import type { CheckedFile } from './check-file.ts'

export type FindingFormat = 'text' | 'json' | 'sarif' | 'github'

/** What `check` prints; ends with a newline unless it is empty. */
export function formatFindings(files: readonly CheckedFile[], format: FindingFormat): string {
  switch (format) {
    case 'text':
      return [...files.flatMap((file) => file.diagnostics.map((one) => findingText(file, one))), summary(files)].join(
        '\n',
      )
    case 'json':
      return json(files.map(({ filename, diagnostics }) => ({ filename, diagnostics })))
    case 'sarif':
      return json(toSarif(files, { toolName: 'tsbuild', toolVersion: version }))
    case 'github':
      return toGithubAnnotations(files)
        .map((line) => `${line}\n`)
        .join('')
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/**
 * ```text
 * web/Dockerfile:3:1 warning MaintainerDeprecated: …
 *   > 3 | MAINTAINER joe
 *       | ^^^^^^^^^^^^^^
 *   hint: …
 * ```
 */
function findingText(file: CheckedFile, diagnostic: Diagnostic): string {
  const { severity, rule, code, message, hint, range, related = [] } = diagnostic
  const [place = '', ...lines] = excerpt(file, range).split('\n')
  const notes = related.map(
    ({ message: text, range: { start } }) => `see ${file.filename}:${start.line}:${start.column} ${text}`,
  )
  const below = [...lines, ...notes, ...(hint === undefined ? [] : [`hint: ${hint}`])]
  return printable(
    [`${place} ${severity} ${rule ?? code}: ${message}`, ...below.map((line) => `  ${line}`), ''].join('\n'),
  )
}

function summary(files: readonly CheckedFile[]): string {
  if (files.length === 0) return ''
  const all = files.flatMap(({ diagnostics }) => diagnostics)
  const errors = all.filter(({ severity }) => severity === 'error').length
  const warnings = all.length - errors
  const found = all.length === 0 ? 'no problem' : `${count(errors, 'error')}, ${count(warnings, 'warning')}`
  return `${count(files.length, 'file')}: ${found}\n`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
