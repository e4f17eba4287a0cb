import type { Comment } from '../ast.ts'
import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'
import { parseBool, trim } from '../go-text.ts'
import type { CheckRule } from './rule.ts'

/** What `# check=skip=A,B;error=true;experimental=all` says. */
export interface CheckConfig {
  readonly skip: 'all' | ReadonlySet<string>
  readonly experimental: 'all' | ReadonlySet<string>
  /** Findings fail the build. */
  readonly error: boolean
}

const none: CheckConfig = { skip: new Set(), experimental: new Set(), error: false }

/** Reads the value of a `check` directive. At most three options, divided by semicolons. */
export function parseCheckConfig(text: string): Checked<CheckConfig> {
  if (trim(text) === '') return good(none)
  let config = none
  for (const option of splitOptions(trim(text))) {
    const equals = option.indexOf('=')
    const key = trim(equals === -1 ? option : option.slice(0, equals))
    const value = trim(option.slice(equals + 1))
    if (equals === -1 || !['skip', 'experimental', 'error'].includes(key)) {
      return bad(
        'DIRECTIVE_INVALID',
        `invalid check option ${quoted(option)}`,
        'Options are "skip=…", "error=true" and "experimental=…", divided by ";"',
      )
    }
    if (key === 'error') {
      const error = parseBool(value)
      if (error === undefined)
        return bad('DIRECTIVE_INVALID', `check option "error" must be "true" or "false", not ${quoted(value)}`)
      config = { ...config, error }
    } else {
      const names = value === 'all' ? 'all' : new Set(value.split(',').map(trim))
      config = key === 'skip' ? { ...config, skip: names } : { ...config, experimental: names }
    }
  }
  return good(config)
}

/** Adds what a `check=` among an instruction's comments says. A malformed one is ignored there. */
export function mergeComments(config: CheckConfig, comments: readonly Comment[]): CheckConfig {
  for (const { text } of comments) {
    const value = /^check\s*=\s*(\S+)/i.exec(text)?.[1]
    if (value === undefined) continue
    const local = parseCheckConfig(value)
    if (!local.ok) return config
    return {
      ...config,
      skip: merge(config.skip, local.value.skip),
      experimental: merge(config.experimental, local.value.experimental),
    }
  }
  return config
}

export function isActive(rule: CheckRule, { skip, experimental }: CheckConfig): boolean {
  if (rule.experimental === true) return experimental === 'all' || experimental.has(rule.name)
  return skip !== 'all' && !skip.has(rule.name)
}

function merge(a: CheckConfig['skip'], b: CheckConfig['skip']): CheckConfig['skip'] {
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b])
}

/** The third option keeps what follows it, as in BuildKit. */
function splitOptions(text: string): readonly string[] {
  const [first = '', second, ...rest] = text.split(';')
  return [first, ...(second === undefined ? [] : [second]), ...(rest.length === 0 ? [] : [rest.join(';')])]
}
