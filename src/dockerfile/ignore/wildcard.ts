import type { Checked } from '../diagnostics.ts'
import { good } from '../diagnostics.ts'
import { cleanPath } from '../go-text.ts'
import { readGlob, toSegments } from './glob.ts'
import { matchSegments } from './match.ts'
import type { MatchPlan } from './plan.ts'
import { toPlanSegments } from './plan.ts'

/** A COPY or ADD source with wildcards: Go's `filepath.Match` on the path relative to the source's root. */
export interface Wildcard {
  matches(path: string): boolean
  toPlan(): MatchPlan
}

/** True when BuildKit treats the source as a pattern: an unescaped `*`, `?` or `[`. */
export function hasWildcard(source: string): boolean {
  return /^(?:[^\\*?[]|\\[^])*[*?[]/.test(source)
}

/** Compiles a source pattern; the leading slash is dropped. A malformed one matches nothing in BuildKit; here it is a problem. */
export function compileMatch(pattern: string): Checked<Wildcard> {
  const tokens = readGlob(cleanPath(`/${pattern}`).slice(1), { deep: false })
  if (!tokens.ok) return { ok: false, problem: { ...tokens.problem, code: 'SOURCE_INVALID' } }
  const segments = toSegments(tokens.value)
  return good({
    matches: (path) => matchSegments(segments, cleanPath(`/${path}`).slice(1).split('/')),
    toPlan: () => ({ segments: toPlanSegments(segments) }),
  })
}
