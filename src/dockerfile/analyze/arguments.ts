import type { ArgDefinition, ArgInstruction, ParsedDockerfile } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { expandWord } from '../expand/expand.ts'
import type { Range } from '../source.ts'
import type { PlatformName } from '../values/platform-name.ts'
import { formatPlatformName } from '../values/platform-name.ts'
import type { AnalyzeOptions } from './options.ts'

/** An ARG as a build sees it. */
export interface ArgumentFacts {
  readonly definition: ArgDefinition
  readonly range: Range
  readonly value?: string
  /** Other arguments that its default names. */
  readonly uses: ReadonlySet<string>
}

export interface GlobalScope {
  /** Platform arguments and global ARGs that have a value. */
  readonly variables: ReadonlyMap<string, string>
  readonly args: ReadonlyMap<string, ArgumentFacts>
  readonly diagnostics: readonly Diagnostic[]
}

const localPlatform: PlatformName = { os: 'linux', architecture: 'amd64' }

/** The arguments that exist without being given, under the names of the Dockerfile reference. A `--build-arg` replaces them. */
export function platformArguments(parsed: ParsedDockerfile, options: AnalyzeOptions): Map<string, string> {
  const build = options.buildPlatform ?? localPlatform
  const target = options.targetPlatform ?? build
  const stage = options.target ?? parsed.stages.at(-1)?.name ?? ''
  const pairs = [
    ...describe('BUILD', build),
    ...describe('TARGET', target),
    ['TARGETSTAGE', stage === '' ? 'default' : stage] as const,
  ]
  return new Map(pairs.map(([name, value]) => [name, options.buildArgs?.get(name) ?? value]))
}

function describe(prefix: string, platform: PlatformName): (readonly [string, string])[] {
  return [
    [`${prefix}PLATFORM`, formatPlatformName(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ]
}

/** Evaluates the ARGs in front of the first FROM, in order. */
export function evaluateGlobals(parsed: ParsedDockerfile, options: AnalyzeOptions): GlobalScope {
  const variables = platformArguments(parsed, options)
  const args = new Map<string, ArgumentFacts>()
  const diagnostics: Diagnostic[] = []
  for (const instruction of parsed.globalArgs) {
    for (const definition of instruction.args) {
      const facts = evaluateGlobal(
        definition,
        instruction,
        variables,
        args,
        parsed.directives.escape,
        options,
        diagnostics,
      )
      args.set(definition.name, facts)
      if (facts.value !== undefined) variables.set(definition.name, facts.value)
    }
  }
  return { variables, args, diagnostics }
}

function evaluateGlobal(
  definition: ArgDefinition,
  { range }: ArgInstruction,
  variables: ReadonlyMap<string, string>,
  args: ReadonlyMap<string, ArgumentFacts>,
  escape: '\\' | '`',
  options: AnalyzeOptions,
  diagnostics: Diagnostic[],
): ArgumentFacts {
  const { name, default: fallback } = definition
  const given = options.buildArgs?.get(name)
  if (given !== undefined || fallback === undefined)
    return { definition, range, uses: new Set(), ...(given !== undefined && { value: given }) }
  const { value, used, error } = expandWord(fallback.text, variables, { escape })
  if (error !== undefined) diagnostics.push({ ...error, severity: 'error', range: fallback.range })
  const uses = new Set(used)
  // `ARG A=$A-x` stands on what the earlier A stood on.
  if (uses.delete(name)) for (const earlier of args.get(name)?.uses ?? []) uses.add(earlier)
  return { definition, range, uses, value }
}
