import type { Instruction, ParsedDockerfile } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { quoted } from '../diagnostics.ts'
import { expandInstruction } from '../expand/instruction.ts'
import { didYouMean } from '../nearest.ts'
import type { GlobalScope } from './arguments.ts'
import { evaluateGlobals } from './arguments.ts'
import type { StageFacts, StageState } from './evaluate.ts'
import { evaluateStage } from './evaluate.ts'
import { checkOrder, reachableFrom } from './graph.ts'
import type { AnalyzeOptions } from './options.ts'
import type { StageReference } from './references.ts'
import { createReferenceReader } from './references.ts'
import { resolveStages } from './stages.ts'
import { validateValues } from './validate.ts'

/** A file evaluated as far as that is possible without building it. */
export interface Analysis {
  readonly globals: GlobalScope
  /** Every stage; those that the target does not need have no instructions when a target is given. */
  readonly stages: readonly StageFacts[]
  readonly target?: StageFacts
  readonly references: readonly (readonly StageReference[])[]
  /** Indexes of the stages that the target needs. */
  readonly reachable: ReadonlySet<number>
  /** Errors that come out of the evaluation; those of the text are in `parsed.diagnostics`. */
  readonly diagnostics: readonly Diagnostic[]
}

/** Evaluates arguments, stages and variables. What depends on an image that `options.image` does not know is left open. */
export function analyzeDockerfile(parsed: ParsedDockerfile, options: AnalyzeOptions = {}): Analysis {
  const diagnostics: Diagnostic[] = []
  const globals = evaluateGlobals(parsed, options)
  diagnostics.push(...globals.diagnostics)
  const stages = resolveStages(parsed, globals, options, diagnostics)
  const readReferences = createReferenceReader(parsed, options, diagnostics)
  const references = parsed.stages.map(({ instructions }) => instructions.flatMap(readReferences))
  const target = findTarget(parsed, options, diagnostics)
  const reachable = target === undefined ? new Set<number>() : reachableFrom(target, stages, references)
  const active = options.target === undefined && options.onlyTarget !== true ? new Set(stages.keys()) : reachable
  diagnostics.push(...checkOrder(stages, references, active))
  diagnostics.push(...judgeLoose(parsed))
  const states: StageState[] = []
  for (const resolved of stages) {
    const { base, stage } = resolved
    const shown = active.has(stage.index) ? resolved : { ...resolved, stage: { ...stage, instructions: [] } }
    const standsOn = base.kind === 'stage' ? states[base.index] : undefined
    states.push(evaluateStage(parsed, shown, standsOn, globals, options, diagnostics))
  }
  const facts = states.map((state) => state.facts)
  const targetFacts = target === undefined ? undefined : facts[target]
  return { globals, stages: facts, references, reachable, diagnostics, ...(targetFacts && { target: targetFacts }) }
}

/** Instructions below a FROM that could not be read: what has no variable can be judged all the same. */
function judgeLoose(parsed: ParsedDockerfile): readonly Diagnostic[] {
  const staged = new Set<Instruction>(parsed.stages.flatMap(({ from, instructions }) => [from, ...instructions]))
  const loose = parsed.instructions.filter((instruction) => !staged.has(instruction) && !instruction.code.includes('$'))
  return loose.flatMap((instruction) =>
    validateValues(expandInstruction(instruction, new Map(), parsed.directives.escape).instruction),
  )
}

function findTarget(parsed: ParsedDockerfile, options: AnalyzeOptions, diagnostics: Diagnostic[]): number | undefined {
  if (options.target === undefined) return parsed.stages.at(-1)?.index
  const wanted = options.target.toLowerCase()
  const found = parsed.stages.findLast(({ name }) => name === wanted)
  if (found !== undefined) return found.index
  const names = parsed.stages.flatMap(({ name }) => name ?? [])
  const hint =
    didYouMean(wanted, names) ??
    (names.length === 0 ? 'No stage has a name' : `Stages are ${names.map(quoted).join(', ')}`)
  const start = { offset: 0, line: 1, column: 1 }
  diagnostics.push({
    code: 'STAGE_UNKNOWN',
    severity: 'error',
    message: `there is no target stage ${quoted(options.target)}`,
    range: { start, end: start },
    hint,
  })
  return undefined
}
