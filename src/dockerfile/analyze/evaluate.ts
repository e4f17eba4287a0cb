import type { ArgDefinition, Instruction, ParsedDockerfile } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { expandWord } from '../expand/expand.ts'
import { expandInstruction } from '../expand/instruction.ts'
import { cleanPath } from '../go-text.ts'
import { parseDockerfile } from '../parse/parse.ts'
import type { Range } from '../source.ts'
import type { Mount } from '../values/mount.ts'
import { evaluateMount } from '../values/mount.ts'
import type { ArgumentFacts, GlobalScope } from './arguments.ts'
import type { AnalyzeOptions, ImageFacts } from './options.ts'
import type { ResolvedStage } from './stages.ts'
import { validateValues } from './validate.ts'

/** One instruction as it runs. */
export interface InstructionFacts {
  readonly written: Instruction
  /** With variables replaced. */
  readonly expanded: Instruction
  /** Of the instruction, or of the FROM that brought it as a trigger. */
  readonly range: Range
  readonly fromTrigger: boolean
  /** Variables that are named and neither set nor declared. */
  readonly undefinedNames: readonly string[]
  /** Variables that were set at that moment, when some are undefined. */
  readonly knownNames: readonly string[]
  readonly mounts: readonly Mount[]
  /** A WORKDIR of this file came before. */
  readonly workdirSet: boolean
  /** A SHELL of this file or the base came before. `undefined`: the base is not known. */
  readonly shellSet: boolean | undefined
}

export interface StageFacts extends ResolvedStage {
  readonly instructions: readonly InstructionFacts[]
  /** False when the base image is not known, so that its variables are not either. */
  readonly baseKnown: boolean
  /** ARGs of the stage, and of the stages it stands on. */
  readonly args: ReadonlyMap<string, ArgumentFacts>
  readonly usedArgs: ReadonlySet<string>
}

/** What a stage hands to the ones that stand on it. */
export interface StageState {
  readonly facts: StageFacts
  readonly variables: ReadonlyMap<string, string>
  readonly declared: ReadonlySet<string>
  readonly workdir: string | undefined
  readonly workdirSet: boolean
  readonly shellSet: boolean | undefined
  readonly triggers: readonly string[]
}

/** Arguments that speak to the builder; they are never variables. */
const controlArguments: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'])

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Goes through a stage instruction by instruction, with the variables as they are at each. */
export function evaluateStage(
  parsed: ParsedDockerfile,
  resolved: ResolvedStage,
  base: StageState | undefined,
  globals: GlobalScope,
  options: AnalyzeOptions,
  diagnostics: Diagnostic[],
): StageState {
  const walk = new StageWalk(parsed, resolved, base, globals, options, diagnostics)
  return walk.run()
}

/** The state of one walk through one stage. */
class StageWalk {
  readonly #parsed: ParsedDockerfile
  readonly #resolved: ResolvedStage
  readonly #base: StageState | undefined
  readonly #globals: GlobalScope
  readonly #options: AnalyzeOptions
  readonly #diagnostics: Diagnostic[]
  readonly #image: ImageFacts | undefined
  readonly #baseKnown: boolean
  readonly #variables: Map<string, string>
  readonly #declared: Set<string>
  readonly #args: Map<string, ArgumentFacts>
  readonly #usedArgs: Set<string>
  readonly #instructions: InstructionFacts[] = []
  readonly #triggers: string[] = []
  /** Undefined while it comes from a base that is not known. */
  #workdir: string | undefined
  #workdirSet: boolean
  #shellSet: boolean | undefined

  constructor(
    parsed: ParsedDockerfile,
    resolved: ResolvedStage,
    base: StageState | undefined,
    globals: GlobalScope,
    options: AnalyzeOptions,
    diagnostics: Diagnostic[],
  ) {
    this.#parsed = parsed
    this.#resolved = resolved
    this.#base = base
    this.#globals = globals
    this.#options = options
    this.#diagnostics = diagnostics
    const { kind } = resolved.base
    this.#image = resolved.base.kind === 'image' ? options.image?.(resolved.base.name) : undefined
    this.#baseKnown = base === undefined ? kind === 'scratch' || this.#image !== undefined : base.facts.baseKnown
    this.#variables = new Map(base === undefined ? environmentOf(this.#image) : base.variables)
    this.#declared = new Set(base?.declared)
    this.#args = new Map(base === undefined ? globals.args : base.facts.args)
    this.#usedArgs = new Set([
      ...(base?.facts.usedArgs ?? []),
      ...resolved.image.used,
      ...(resolved.platformText?.used ?? []),
    ])
    this.#workdir =
      base === undefined
        ? this.#baseKnown
          ? resolvePath('/', this.#image?.workingDir ?? '')
          : undefined
        : base.workdir
    this.#workdirSet = base?.workdirSet ?? false
    this.#shellSet =
      base === undefined ? (this.#baseKnown ? (this.#image?.shell?.length ?? 0) > 0 : undefined) : base.shellSet
  }

  run(): StageState {
    const { stage } = this.#resolved
    for (const expression of this.#base?.triggers ?? this.#image?.onbuild ?? []) this.#runTrigger(expression)
    for (const instruction of stage.instructions) this.#step(instruction, instruction.range, false)
    const facts: StageFacts = {
      ...this.#resolved,
      instructions: this.#instructions,
      baseKnown: this.#baseKnown,
      args: this.#args,
      usedArgs: this.#usedArgs,
    }
    return {
      facts,
      variables: this.#variables,
      declared: this.#declared,
      workdir: this.#workdir,
      workdirSet: this.#workdirSet,
      shellSet: this.#shellSet,
      triggers: this.#triggers,
    }
  }

  /** A trigger is a file of its own with the default escape character; its problems are shown at the FROM. */
  #runTrigger(expression: string): void {
    const { range } = this.#resolved.stage.from
    const { instructions, diagnostics } = parseDockerfile(expression)
    const [instruction] = instructions
    const error = diagnostics.find(({ severity, code }) => severity === 'error' && code !== 'NO_STAGE')
    if (error !== undefined)
      this.#diagnostics.push({ ...error, message: `ONBUILD trigger of the base: ${error.message}`, range })
    else if (instruction !== undefined) this.#step(instruction, range, true)
  }

  #step(written: Instruction, range: Range, fromTrigger: boolean): void {
    const before = { workdirSet: this.#workdirSet, shellSet: this.#shellSet }
    const escape = fromTrigger ? '\\' : this.#parsed.directives.escape
    if (written.kind === 'arg') {
      const unset = written.args.flatMap((definition) => this.#declare(definition, range, escape))
      this.#record({ written, expanded: written, range, fromTrigger, mounts: [], ...before }, unset)
      return
    }
    const { instruction: expanded, unset, problems } = expandInstruction(written, this.#variables, escape)
    for (const { problem, range: place } of problems) {
      if (!this.#leftOpen(unset))
        this.#diagnostics.push({ ...problem, severity: 'error', range: fromTrigger ? range : place })
    }
    if (problems.length === 0 && !this.#leftOpen(unset)) {
      for (const diagnostic of validateValues(expanded))
        this.#diagnostics.push(fromTrigger ? { ...diagnostic, range } : diagnostic)
    }
    const mounts = this.#mounts(written, escape, fromTrigger ? range : undefined)
    this.#record(
      { written, expanded, range, fromTrigger, mounts, ...before },
      [...unset].filter((name) => !this.#declared.has(name)),
    )
    this.#apply(expanded)
  }

  #record(facts: Omit<InstructionFacts, 'undefinedNames' | 'knownNames'>, unset: readonly string[]): void {
    const undefinedNames = unset.filter((name) => !controlArguments.has(name))
    const knownNames = undefinedNames.length === 0 ? [] : [...this.#variables.keys()]
    this.#instructions.push({ ...facts, undefinedNames, knownNames })
  }

  /** With an unknown base a variable that is not set here may be set there, so nothing that hangs on it is judged. */
  #leftOpen(unset: ReadonlySet<string>): boolean {
    return !this.#baseKnown && [...unset].some((name) => !this.#declared.has(name))
  }

  #apply(expanded: Instruction): void {
    if (expanded.kind === 'env') for (const { key, value } of expanded.pairs) this.#variables.set(key.text, value.text)
    if (expanded.kind === 'workdir') {
      this.#workdirSet = true
      const { text } = expanded.path
      if (text.startsWith('/')) this.#workdir = resolvePath('/', text)
      else if (this.#workdir !== undefined) this.#workdir = resolvePath(this.#workdir, text)
    }
    if (expanded.kind === 'shell') this.#shellSet = true
    if (expanded.kind === 'onbuild') this.#triggers.push(expanded.expression)
  }

  /** `--build-arg` wins over the default; a global ARG stands in when there is neither. Gives the unset names of the default. */
  #declare(definition: ArgDefinition, range: Range, escape: '\\' | '`'): readonly string[] {
    const { name, default: fallback } = definition
    const given = this.#options.buildArgs?.get(name)
    const inherited = given === undefined && fallback === undefined ? this.#globals.variables.get(name) : undefined
    const expansion =
      given === undefined && fallback !== undefined ? expandWord(fallback.text, this.#variables, { escape }) : undefined
    if (expansion?.error !== undefined && fallback !== undefined && !this.#leftOpen(new Set(expansion.unset))) {
      this.#diagnostics.push({ ...expansion.error, severity: 'error', range: fallback.range })
    }
    const value = given ?? expansion?.value ?? inherited
    if (value !== undefined && !controlArguments.has(name)) this.#variables.set(name, value)
    if (inherited === undefined)
      this.#args.set(name, { definition, range, uses: new Set(), ...(value !== undefined && { value }) })
    this.#usedArgs.add(name)
    const unset = (expansion?.unset ?? []).filter((used) => !this.#declared.has(used))
    this.#declared.add(name)
    return unset
  }

  #mounts(instruction: Instruction, escape: '\\' | '`', place: Range | undefined): readonly Mount[] {
    if (instruction.kind !== 'run') return []
    return instruction.mounts.flatMap((flag): Mount[] => {
      const mount = evaluateMount(flag, this.#variables, { escape })
      if (mount.ok) {
        this.#checkTarget(mount.value, place ?? flag.range)
        return [mount.value]
      }
      const variable = flag.fields.some(({ value }) => value?.text.includes('$') === true)
      if (!variable || this.#baseKnown)
        this.#diagnostics.push({ ...mount.problem, severity: 'error', range: place ?? mount.range })
      return []
    })
  }

  #checkTarget({ type, target = '' }: Mount, range: Range): void {
    if (type === 'secret' || type === 'ssh' || (!target.startsWith('/') && this.#workdir === undefined)) return
    if (resolvePath(this.#workdir ?? '/', target) !== '/') return
    this.#diagnostics.push({
      code: 'MOUNT_INVALID',
      severity: 'error',
      message: 'mount cannot take the place of the root',
      range,
      hint: 'Name a directory with "target=…"',
    })
  }
}

/** `path` seen from `directory`. */
function resolvePath(directory: string, path: string): string {
  return cleanPath(path.startsWith('/') ? path : `${directory}/${path}`)
}

function environmentOf(image: ImageFacts | undefined): Map<string, string> {
  const variables = new Map<string, string>()
  for (const pair of image?.env ?? []) {
    const equals = pair.indexOf('=')
    variables.set(equals === -1 ? pair : pair.slice(0, equals), equals === -1 ? '' : pair.slice(equals + 1))
  }
  if (!variables.has('PATH')) variables.set('PATH', defaultPath)
  return variables
}
