import type { Checked } from '../diagnostics.ts'
import { bad, good } from '../diagnostics.ts'
import { cleanPath, trim } from '../go-text.ts'
import type { GlobSegment, GlobToken, RawToken } from './glob.ts'
import { readGlob } from './glob.ts'

/** One line of an ignore list, compiled. A path matches when any of `alternatives` matches it. */
export interface CompiledPattern {
  readonly negate: boolean
  readonly alternatives: readonly (readonly GlobSegment[])[]
}

/** A pattern such as `a**b**c` forks at each `**` inside a name; more forks than this are refused. */
const maxAlternatives = 64

/**
 * Compiles one pattern as moby's patternmatcher does: `!` negates, the path is cleaned, `**` crosses directories.
 * Its special cases are kept: `**name` matches names that end so, `name**` what starts so, `dir/**` what is below but not `dir`,
 * and `a**b` matches `ab` and any `a…/…b`.
 */
export function compilePattern(text: string): Checked<CompiledPattern> {
  const cleaned = cleanPath(trim(text))
  const negate = cleaned.startsWith('!')
  const pattern = negate ? cleaned.slice(1) : cleaned
  if (pattern === '') return bad('IGNORE_INVALID', 'pattern "!" excludes nothing', 'Name what is to be included again')
  const tokens = readGlob(pattern, { deep: true })
  if (!tokens.ok) return tokens
  const forks = fork(tokens.value, /^\*\*[^/*?[\]\\][^*?[\]\\]*$/.test(pattern))
  if (forks === undefined)
    return bad('IGNORE_INVALID', `pattern "${pattern}" has too many "**" inside names`, 'Write "**" between slashes')
  return good({ negate, alternatives: forks })
}

/** `endsWith`: the pattern is `**` and plain text, which matches the end of a name, not a whole one. */
function fork(tokens: readonly RawToken[], endsWith: boolean): GlobSegment[][] | undefined {
  let open: Draft[] = [{ segments: [], current: [] }]
  for (const [at, token] of tokens.entries()) {
    const last = at === tokens.length - 1
    if (token[0] === 'slash')
      open = open.map(({ segments, current }) => ({ segments: [...segments, current], current: [] }))
    else if (token[0] !== 'deep')
      open = open.map(({ segments, current }) => ({ segments, current: [...current, token] }))
    else open = open.flatMap((draft) => crossDirectories(draft, last, at === 0 && endsWith))
    if (open.length > maxAlternatives) return undefined
  }
  return open.map(({ segments, current }) =>
    current.length === 0 && segments.at(-1) === '**' ? segments : [...segments, current],
  )
}

interface Draft {
  readonly segments: GlobSegment[]
  readonly current: GlobToken[]
}

function crossDirectories({ segments, current }: Draft, last: boolean, endsWith: boolean): Draft[] {
  if (current.length === 0) return [{ segments: [...segments, '**'], current: last || endsWith ? [['star']] : [] }]
  const crossed: Draft = { segments: [...segments, [...current, ['star']], '**'], current: [] }
  return last ? [crossed] : [{ segments, current }, crossed]
}
