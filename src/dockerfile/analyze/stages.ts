import type { ParsedDockerfile, Stage } from '../ast.ts'
import type { Diagnostic, DiagnosticCode } from '../diagnostics.ts'
import { quoted } from '../diagnostics.ts'
import type { Expansion } from '../expand/expand.ts'
import { expandWord } from '../expand/expand.ts'
import { didYouMean } from '../nearest.ts'
import type { Range } from '../source.ts'
import { parseImageName } from '../values/image-name.ts'
import type { PlatformName } from '../values/platform-name.ts'
import { parsePlatformName } from '../values/platform-name.ts'
import type { GlobalScope } from './arguments.ts'
import type { AnalyzeOptions } from './options.ts'

export type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly name: string }
  /** A named context that stands in for the stage or the image. */
  | { readonly kind: 'context'; readonly name: string }

export interface ResolvedStage {
  readonly stage: Stage
  readonly base: StageBase
  readonly platform?: PlatformName
  readonly image: Expansion
  readonly platformText?: Expansion
}

/** Finds out what each stage stands on. */
export function resolveStages(
  parsed: ParsedDockerfile,
  globals: GlobalScope,
  options: AnalyzeOptions,
  diagnostics: Diagnostic[],
): readonly ResolvedStage[] {
  const byName = new Map<string, number>()
  return parsed.stages.map((stage) => {
    const resolved = resolveStage(stage, byName, globals, parsed.directives.escape, options, diagnostics)
    if (stage.name !== undefined) byName.set(stage.name, stage.index)
    return resolved
  })
}

function resolveStage(
  stage: Stage,
  byName: ReadonlyMap<string, number>,
  globals: GlobalScope,
  escape: '\\' | '`',
  options: AnalyzeOptions,
  diagnostics: Diagnostic[],
): ResolvedStage {
  const { image, platform } = stage.from
  const name = expandWord(image.text, globals.variables, { escape })
  const platformText = platform && expandWord(platform.text, globals.variables, { escape })
  const fail = (code: DiagnosticCode, message: string, range: Range, hint?: string): void => {
    diagnostics.push({ code, severity: 'error', message, range, ...(hint !== undefined && { hint }) })
  }
  if (name.error !== undefined) diagnostics.push({ ...name.error, severity: 'error', range: image.range })
  else if (name.value === '')
    fail('BASE_INVALID', `base name ${quoted(image.text)} is empty`, image.range, emptyHint(name, globals))
  const platformName =
    platform && platformText && readPlatform(platform.text, platformText, platform.range, globals, diagnostics)
  const base = findBase(stage, name.value, byName, options)
  if (base.kind === 'image' && base.name !== '') {
    const parts = parseImageName(base.name)
    if ('message' in parts) fail(parts.code, parts.message, image.range, parts.hint)
  }
  return {
    stage,
    base,
    image: name,
    ...(platformName && { platform: platformName }),
    ...(platformText && { platformText }),
  }
}

function emptyHint({ unset }: Expansion, globals: GlobalScope): string {
  const [first] = unset
  if (first === undefined) return 'Give the ARG a default value, or use "--build-arg"'
  const near = didYouMean(
    first,
    new Set([...globals.args.keys(), ...globals.variables.keys()]),
    (option) => `$${option}`,
  )
  return near ?? `Declare it in front of the first FROM: "ARG ${first}=…"`
}

function readPlatform(
  written: string,
  text: Expansion,
  range: Range,
  globals: GlobalScope,
  diagnostics: Diagnostic[],
): PlatformName | undefined {
  if (text.error !== undefined) {
    diagnostics.push({ ...text.error, severity: 'error', range })
    return undefined
  }
  const parsed = parsePlatformName(text.value)
  if (text.value !== '' && parsed.ok) return parsed.value
  const problem =
    text.value === '' || parsed.ok
      ? { code: 'PLATFORM_INVALID' as const, message: `platform ${quoted(written)} is empty` }
      : parsed.problem
  const [first] = text.unset
  const near = first === undefined ? undefined : didYouMean(first, globals.variables.keys(), (option) => `$${option}`)
  diagnostics.push({ ...problem, severity: 'error', range, ...(near !== undefined && { hint: near }) })
  return undefined
}

/** A base is a stage only when the name is written exactly as BuildKit keeps it, in lower case. */
function findBase(stage: Stage, name: string, byName: ReadonlyMap<string, number>, options: AnalyzeOptions): StageBase {
  if (stage.name !== undefined && options.namedContexts?.has(stage.name) === true)
    return { kind: 'context', name: stage.name }
  const index = byName.get(name)
  if (index !== undefined) return { kind: 'stage', index }
  if (name === 'scratch') return { kind: 'scratch' }
  return options.namedContexts?.has(name) === true ? { kind: 'context', name } : { kind: 'image', name }
}
