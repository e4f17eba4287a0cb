import type { Analysis } from '../analyze/analyze.ts'
import type { InstructionFacts } from '../analyze/evaluate.ts'
import type { AnalyzeOptions } from '../analyze/options.ts'
import type { Comment, ParsedDockerfile } from '../ast.ts'
import type { RelatedPlace } from '../diagnostics.ts'
import type { IgnoreMatcher } from '../ignore/ignore.ts'
import type { Range } from '../source.ts'

/** How big the build context is and what is biggest in it. */
export interface ContextUsage {
  readonly bytes: number
  readonly directories: readonly { readonly path: string; readonly bytes: number }[]
}

export interface CheckOptions extends AnalyzeOptions {
  /** The compiled ignore file of the context. */
  readonly ignore?: IgnoreMatcher
  readonly contextUsage?: ContextUsage
  /** Replaces the file's `# check=` directive, in the same form (BUILDKIT_DOCKERFILE_CHECK). */
  readonly check?: string
}

export interface Finding {
  readonly message: string
  readonly range: Range
  readonly hint?: string
  readonly related?: readonly RelatedPlace[]
  /** Comments in front of the instruction: a `# check=skip=…` among them counts for it. */
  readonly comments?: readonly Comment[]
}

export interface CheckInput {
  readonly parsed: ParsedDockerfile
  readonly analysis: Analysis
  readonly options: CheckOptions
}

/** One check of good practice. */
export interface CheckRule {
  readonly name: string
  readonly description: string
  /** BuildKit's page about it; our own rules have none. */
  readonly url?: string
  /** Runs only when asked for by `experimental=`. */
  readonly experimental?: true
  /** Not one of BuildKit's. It can be skipped like them, but `error=true` leaves it a warning. */
  readonly own?: true
  find(input: CheckInput): Iterable<Finding>
}

export function ruleUrl(page: string): string {
  return `https://docs.docker.com/go/dockerfile/rule/${page}/`
}

/** Every instruction that is evaluated, stage by stage. */
export function* everyInstruction({ stages }: Analysis): Iterable<InstructionFacts> {
  for (const { instructions } of stages) yield* instructions
}
