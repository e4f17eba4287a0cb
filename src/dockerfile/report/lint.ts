import type { ParsedDockerfile } from '../ast.ts'
import { checkRules } from '../checks/check.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { encodeSource } from '../source.ts'
import type { LineLocation } from './location.ts'
import { lineLocation } from './location.ts'

/** The result of `--call check` in the JSON form of BuildKit's `frontend.lint`. */
export interface LintResult {
  readonly warnings: readonly LintWarning[]
  readonly sources: readonly { readonly filename: string; readonly language: 'Dockerfile'; readonly data: string }[]
  readonly buildError?: { readonly message: string; readonly location: LineLocation }
}

export interface LintWarning {
  readonly ruleName: string
  readonly description?: string
  readonly url?: string
  readonly detail: string
  readonly location: LineLocation
}

/** `buildError` is the first error; the form has room for one only. Warnings that are no checks carry their code as the name. */
export function toLintResult(parsed: ParsedDockerfile, diagnostics: readonly Diagnostic[]): LintResult {
  const error = diagnostics.find(({ severity }) => severity === 'error')
  const data = btoa(Array.from(encodeSource(parsed.source), (byte) => String.fromCharCode(byte)).join(''))
  return {
    warnings: diagnostics.filter(({ severity }) => severity === 'warning').map(toWarning),
    sources: [{ filename: parsed.filename, language: 'Dockerfile', data }],
    ...(error && { buildError: { message: error.message, location: lineLocation(error.range) } }),
  }
}

function toWarning({ rule, code, message, range }: Diagnostic): LintWarning {
  const known = checkRules.find(({ name }) => name === rule)
  return {
    ruleName: rule ?? code,
    ...(known && { description: known.description }),
    ...(known?.url !== undefined && { url: known.url }),
    detail: message,
    location: lineLocation(range),
  }
}
