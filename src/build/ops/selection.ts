import { compileMatch, compilePatterns } from '@dockerfile/parser'
import type { IgnorePlan, MatchPlan } from '@dockerfile/parser'
import { TsbuildError } from '../../base/errors.ts'
import type { CopyAction, CopySource } from './op.ts'

/** One source as the plans `walk` and `files` carry it. */
type SourcePlan = { readonly pivot?: number } & ({ readonly path: string } | { readonly match: MatchPlan })

/** Which files a copy reads, as the plans `walk` and `files` carry it. */
export interface SelectionPlan {
  readonly sources: readonly SourcePlan[]
  readonly exclude: IgnorePlan | null
  readonly parents: boolean
}

export interface CompiledSelection extends SelectionPlan {
  /** For each source of the plan, the index of the source that it comes from: one written source may be several of the plan. */
  readonly written: readonly number[]
}

type Selection = Pick<CopyAction, 'sources' | 'exclude' | 'parents'>

/** Compiles the sources of a copy. DOCKERFILE_INVALID for a malformed pattern. */
export function compileSelection({ sources, exclude, parents }: Selection): CompiledSelection {
  const plans = sources.map((source) => sourcePlans(source))
  return {
    sources: plans.flat(),
    exclude: exclude.length === 0 ? null : compileList(exclude, '--exclude'),
    parents,
    written: plans.flatMap((list, index) => list.map(() => index)),
  }
}

function sourcePlans({ path, wildcard, pivot }: CopySource): readonly SourcePlan[] {
  const relative = path.replace(/^\/+/, '')
  const dropped = pivot === undefined ? 0 : pivot.split('/').filter((part) => part !== '').length
  const kept = dropped === 0 ? {} : { pivot: dropped }
  if (!wildcard) return [{ path: relative, ...kept }]
  // With --parents a source is a pattern of moby's grammar, where `**` crosses directories.
  if (pivot !== undefined)
    return compileList([relative], 'source').patterns.map(({ segments }) => ({ match: { segments }, ...kept }))
  const compiled = compileMatch(relative)
  if (!compiled.ok) throw malformed('source', compiled.problem.message)
  return [{ match: compiled.value.toPlan() }]
}

function compileList(patterns: readonly string[], what: string): IgnorePlan {
  const matcher = compilePatterns(patterns)
  const [mistake] = matcher.diagnostics
  if (mistake !== undefined) throw malformed(what, mistake.message)
  return matcher.toPlan()
}

function malformed(what: string, why: string): TsbuildError {
  return new TsbuildError('DOCKERFILE_INVALID', `Cannot read the ${what} pattern: ${why}`)
}
