import { checkRules } from '@dockerfile/parser'
import type { Diagnostic, ParsedDockerfile } from '@dockerfile/parser'
import { printable } from '../../base/printable.ts'
import { excerpt } from '../../build/located.ts'
import type { DockerfileInspection } from '../../engine/inspect-dockerfile.ts'

/** The result of `build --check` as docker prints it, with the exact place and a hint. */
export function checkText({ dockerfile, checks }: DockerfileInspection): string {
  const { diagnostics, failed } = checks
  const warnings = diagnostics.filter(({ severity }) => severity === 'warning')
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  const parts = [
    heading(warnings.length),
    ...[...warnings, ...errors].map((diagnostic) => findingText(dockerfile, diagnostic)),
    ...(failed.length === 0 ? [] : [`ERROR: ${violation(failed)}\n`]),
  ]
  return printable(parts.join('\n'))
}

/** BuildKit's words for findings of enforced checks. */
export function violation(rules: readonly string[]): string {
  return `lint violation found for rules: ${rules.join(', ')}`
}

function heading(warnings: number): string {
  if (warnings === 0) return 'Check complete, no warnings found.\n'
  return `Check complete, ${warnings === 1 ? '1 warning has' : `${warnings} warnings have`} been found!\n`
}

function findingText(dockerfile: ParsedDockerfile, { severity, rule, code, message, hint, range }: Diagnostic): string {
  const url = checkRules.find(({ name }) => name === rule)?.url
  const title = `${severity.toUpperCase()}: ${rule ?? code}${url === undefined ? '' : ` - ${url}`}`
  const lines = [title, message, excerpt(dockerfile, range), ...(hint === undefined ? [] : [`hint: ${hint}`])]
  return `${lines.join('\n')}\n`
}
