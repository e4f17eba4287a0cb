import { expandWord, nearest } from '@dockerfile/parser'
import type { Word } from '@dockerfile/parser'
import { TsbuildError, hasCode } from '../../base/errors.ts'
import { normalisePlatform, parsePlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/types.ts'
import { locatedError, problemError, problemsError } from '../located.ts'
import { globalArguments } from './arguments.ts'
import { resolveBases } from './bases.ts'
import { dispatch } from './dispatch.ts'
import type { Environment } from './environment.ts'
import type { BuildPlan, PlanNote, PlanRequest, ResolveImage } from './request.ts'
import type { Planner } from './site.ts'
import { linkCommands } from './sources.ts'
import { continueStage } from './stage-state.ts'
import type { StageState } from './stage-state.ts'
import { countSteps, createStageTable, findCycle } from './stage-table.ts'
import type { StageNode, StageTable } from './stage-table.ts'

/**
 * Turns a parsed Dockerfile into the steps that its target needs, with BuildKit's semantics (Dockerfile syntax 1.26). Pure but
 * for `resolveImage`. Errors carry their place: DOCKERFILE_INVALID, STAGE_UNKNOWN, ENTITLEMENT_MISSING, and those of resolveImage.
 */
export async function planBuild(request: PlanRequest, resolveImage: ResolveImage): Promise<BuildPlan> {
  const { dockerfile } = request
  const mistakes = dockerfile.diagnostics.filter((diagnostic) => diagnostic.severity === 'error')
  if (mistakes.length > 0) throw problemsError(dockerfile, mistakes)
  if (dockerfile.stages.length === 0)
    throw new TsbuildError('DOCKERFILE_INVALID', `"${dockerfile.filename}" has no stage`)

  const globals = globalArguments(request)
  const table = createStageTable()
  for (const stage of dockerfile.stages) table.add(readStage(request, globals, table, stage.index))
  const target = findTarget(request, table)
  for (const node of table.nodes) node.commands = linkCommands(request, table, node)
  refuseCycle(request, table)
  if (table.nodes.length === 1) target.title = ''

  const notes: PlanNote[] = []
  const needed = await resolveBases({ request, table, target, resolveImage })
  const planner: Planner = { request, globals, table, contexts: new Set(), note: (note) => void notes.push(note) }
  for (const node of table.nodes) if (needed.has(node) && !node.done) evaluate(planner, node)
  const state = stateOf(target)
  return {
    target: state.source.kind === 'vertex' ? state.source.vertex : null,
    image: finishImage(request, state.image),
    stage: target.name ?? '',
    ...(request.epoch === undefined ? {} : { epoch: request.epoch }),
    contexts: planner.contexts,
    notes,
  }
}

/** Takes in a stage's instructions; its base and sources are done. */
function evaluate(planner: Planner, node: StageNode): void {
  if (node.base?.state !== undefined) node.state = continueStage(node.base.state)
  const state = stateOf(node)
  for (const command of node.commands) dispatch(planner, node, state, command)
  node.done = true
}

function stateOf(node: StageNode): StageState {
  if (node.state === undefined) throw new Error(`Stage ${node.index} has no base`)
  return node.state
}

function readStage(request: PlanRequest, globals: Environment, table: StageTable, index: number): StageNode {
  const { dockerfile, contexts } = request
  const stage = dockerfile.stages[index]!
  const { from, name } = stage
  const baseName = expanded(request, globals, from.image)
  if (baseName === '') {
    throw locatedError(
      dockerfile,
      from.image.range,
      'DOCKERFILE_INVALID',
      `The base name "${from.image.text}" is empty`,
      {
        diagnostic: 'BASE_INVALID',
        hint: 'Give the argument a default in front of the first FROM, or pass it with --build-arg',
      },
    )
  }
  const base = table.base(baseName)
  const replaced = name !== undefined && contexts.has(name) ? name : undefined
  return {
    index,
    ...(name === undefined ? {} : { name }),
    title: name ?? `stage-${index}`,
    origin: from,
    from,
    baseName,
    ...(base === undefined || replaced !== undefined ? {} : { base }),
    ...(from.platform === undefined ? {} : { platform: stagePlatform(request, globals, from.platform) }),
    ...(replaced === undefined ? {} : { context: replaced }),
    commands: [],
    triggered: replaced !== undefined,
    steps: countSteps(stage, base === undefined && baseName !== 'scratch'),
    step: 0,
    done: false,
  }
}

function stagePlatform(request: PlanRequest, globals: Environment, word: Word): Platform {
  const text = expanded(request, globals, word)
  try {
    return parsePlatform(text, request.buildPlatform)
  } catch (error) {
    if (!hasCode(error, 'PLATFORM_INVALID')) throw error
    const message = text === '' ? `The platform "${word.text}" is empty` : error.message
    const near = nearest(word.text.replace(/^\$\{?|\}?$/g, ''), globals.keys())
    const hint = text === '' && near !== undefined ? `Did you mean "$${near}"?` : error.hint
    throw locatedError(request.dockerfile, word.range, 'DOCKERFILE_INVALID', message, {
      diagnostic: 'PLATFORM_INVALID',
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

function expanded({ dockerfile }: PlanRequest, globals: Environment, word: Word): string {
  const { value, error } = expandWord(word.text, globals, { escape: dockerfile.directives.escape })
  if (error !== undefined) throw problemError(dockerfile, word.range, error)
  return value
}

function findTarget(request: PlanRequest, table: StageTable): StageNode {
  const { target, dockerfile } = request
  if (target === undefined || target === '') return table.nodes.at(-1)!
  const found = table.find(target)
  if (found !== undefined) return found
  const names = table.nodes.flatMap((node) => (node.name === undefined ? [] : [node.name]))
  const near = nearest(target.toLowerCase(), names)
  throw new TsbuildError(
    'STAGE_UNKNOWN',
    `Cannot build stage "${target}": "${dockerfile.filename}" has no such stage`,
    {
      hint: near === undefined ? stagesHint(names) : `Did you mean "${near}"?`,
      details: { target, stages: names },
    },
  )
}

function stagesHint(names: readonly string[]): string {
  return names.length === 0 ? 'No stage has a name; give one with FROM … AS name' : `The stages are ${names.join(', ')}`
}

function refuseCycle({ dockerfile }: PlanRequest, table: StageTable): void {
  const cycle = findCycle(table.nodes)
  if (cycle === undefined) return
  const { node, command } = cycle
  throw locatedError(
    dockerfile,
    command.range,
    'DOCKERFILE_INVALID',
    `Stage "${node.name ?? node.index}" depends on itself`,
    { diagnostic: 'STAGE_ORDER' },
  )
}

/** Labels of the command line and the platform that was asked for. */
function finishImage(
  { labels, targetPlatform, explicitPlatform }: PlanRequest,
  image: BuildPlan['image'],
): BuildPlan['image'] {
  const named = { ...image.config.Labels, ...labels }
  const config = Object.keys(named).length === 0 ? image.config : { ...image.config, Labels: named }
  const { os, architecture } = image.platform
  const same = os === targetPlatform.os && architecture === targetPlatform.architecture
  const asked = same ? { ...image.platform, ...targetPlatform } : targetPlatform
  return { ...image, config, platform: normalisePlatform(explicitPlatform ? asked : image.platform) }
}
