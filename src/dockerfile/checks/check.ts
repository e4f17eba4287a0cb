import type { Analysis } from '../analyze/analyze.ts'
import { analyzeDockerfile } from '../analyze/analyze.ts'
import type { ParsedDockerfile } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { CheckConfig } from './config.ts'
import { isActive, mergeComments, parseCheckConfig } from './config.ts'
import { ownRules } from './own-rules.ts'
import type { CheckOptions, CheckRule } from './rule.ts'
import { stageRules } from './stage-rules.ts'
import { styleRules } from './style-rules.ts'
import { valueRules } from './value-rules.ts'

/** Every check, BuildKit's first. */
export const checkRules: readonly CheckRule[] = [...stageRules, ...styleRules, ...valueRules, ...ownRules]

export interface CheckResult {
  /** Errors and warnings of text, evaluation and checks, in source order. */
  readonly diagnostics: readonly Diagnostic[]
  /** Names of BuildKit's checks that found something while `error=true`: the build must not go on. */
  readonly failed: readonly string[]
  readonly analysis: Analysis
}

/**
 * Runs all checks on a parsed file, and the evaluation that they need. Errors do not keep the other checks from running.
 * `options` says what is known about the build; without it the file is judged by its defaults, and every stage is looked at.
 */
export function checkDockerfile(parsed: ParsedDockerfile, options: CheckOptions = {}): CheckResult {
  const analysis = analyzeDockerfile(parsed, options)
  const diagnostics: Diagnostic[] = [...parsed.diagnostics, ...analysis.diagnostics]
  const config = readConfig(parsed, options, diagnostics)
  const failed = new Set<string>()
  for (const rule of checkRules) {
    for (const { comments = [], ...finding } of rule.find({ parsed, analysis, options })) {
      if (!isActive(rule, mergeComments(config, comments))) continue
      diagnostics.push({ code: 'CHECK', rule: rule.name, severity: 'warning', ...finding })
      if (config.error && rule.own !== true) failed.add(rule.name)
    }
  }
  return {
    diagnostics: diagnostics.toSorted((a, b) => a.range.start.offset - b.range.start.offset),
    failed: [...failed],
    analysis,
  }
}

function readConfig(parsed: ParsedDockerfile, options: CheckOptions, diagnostics: Diagnostic[]): CheckConfig {
  const { check } = parsed.directives
  const config = parseCheckConfig(options.check ?? check?.value ?? '')
  if (config.ok) return config.value
  const start = { offset: 0, line: 1, column: 1 }
  const range = options.check === undefined && check !== undefined ? check.valueRange : { start, end: start }
  diagnostics.push({ ...config.problem, severity: 'error', range })
  return { skip: new Set(), experimental: new Set(), error: false }
}
