import { parseDockerfile } from '@dockerfile/parser'
import type { Instruction } from '@dockerfile/parser'
import { TsbuildError } from '../../base/errors.ts'
import { familiarReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { samePlatform } from '../../oci/platform.ts'
import { locatedError } from '../located.ts'
import { makeVertex } from '../solver/vertex.ts'
import type { BuildVertex, Op } from '../ops/op.ts'
import type { NamedContext, PlanRequest, ResolveImage } from './request.ts'
import { linkCommand } from './sources.ts'
import { draftOf, scratchImage, startStage } from './stage-state.ts'
import type { StageState } from './stage-state.ts'
import { reachable } from './stage-table.ts'
import type { StageNode, StageTable } from './stage-table.ts'
import { nameStep } from './step-name.ts'

export interface BasesRequest {
  readonly request: PlanRequest
  readonly table: StageTable
  readonly target: StageNode
  readonly resolveImage: ResolveImage
}

/**
 * Gives every stage that the target needs its base, all images side by side, and puts the base's ONBUILD triggers in front of
 * the stage's instructions. Triggers may name further stages and images, so this repeats until nothing new comes up.
 * Returns the stages that are needed.
 */
export async function resolveBases(bases: BasesRequest): Promise<ReadonlySet<StageNode>> {
  while (true) {
    const needed = reachable(bases.target)
    await Promise.all([...needed].map((node) => resolveBase(bases, node)))
    let changed = false
    for (const node of bases.table.nodes) if (needed.has(node)) changed = addTriggers(bases, node) || changed
    if (!changed) return needed
  }
}

async function resolveBase({ request, resolveImage }: BasesRequest, node: StageNode): Promise<void> {
  if (node.base !== undefined || node.state !== undefined) return
  const { targetPlatform, contexts } = request
  if (node.context !== undefined) {
    node.state = await contextState(request, node, contexts.get(node.context)!, resolveImage)
    node.done = true
    return
  }
  const platform = node.platform ?? targetPlatform
  if (node.baseName === 'scratch') {
    node.state = startStage({ kind: 'vertex', vertex: null }, scratchImage(targetPlatform), targetPlatform)
  } else {
    const named = namedBase(request, node)
    node.state =
      named === undefined
        ? await imageState(request, node, node.baseName, platform, resolveImage)
        : await contextState(request, node, named, resolveImage)
  }
  // A node without FROM is an image or context that only serves files.
  if (node.from === undefined) node.done = true
}

/** The `--build-context` that stands for an image name: `alpine`, `alpine:latest` and `alpine:3` are asked for as docker does. */
function namedBase({ contexts }: PlanRequest, node: StageNode): NamedContext | undefined {
  const plain = contexts.get(node.baseName.toLowerCase())
  if (plain !== undefined || contexts.size === 0) return plain
  const name = familiarReference(withDefaultTag(baseReference(node)))
  return contexts.get(name.toLowerCase()) ?? contexts.get(name.replace(/:latest$/, '').toLowerCase())
}

function baseReference(node: StageNode): ReturnType<typeof parseReference> {
  return parseReference(node.baseName)
}

async function contextState(
  request: PlanRequest,
  node: StageNode,
  context: NamedContext,
  resolveImage: ResolveImage,
): Promise<StageState> {
  const platform = node.platform ?? request.targetPlatform
  if (context.kind === 'image') return imageState(request, node, context.reference, platform, resolveImage)
  return startStage({ kind: 'context', name: context.name }, scratchImage(platform), platform)
}

async function imageState(
  request: PlanRequest,
  node: StageNode,
  reference: string,
  platform: StageState['platform'],
  resolveImage: ResolveImage,
): Promise<StageState> {
  const image = await resolveImage(reference, platform).catch((error: unknown) => {
    throw baseError(request, node, reference, error)
  })
  const draft = draftOf(image.config)
  const used =
    request.explicitPlatform || node.platform !== undefined ? platform : imagePlatform(platform, draft.platform)
  const diffIds = image.config.rootfs.diff_ids
  if (diffIds.length === 0) return startStage({ kind: 'vertex', vertex: null }, draft, used)
  const op: Op = { kind: 'image', manifest: image.manifest, diffIds }
  const { multiPlatform } = request
  const text = `FROM ${image.name}`
  const name = node.from === undefined ? text : nameStep(node, text, { platform: used, multiPlatform, onbuild: false })
  const vertex: BuildVertex = makeVertex(op, [], { name, ignoreCache: false, range: node.origin.range })
  return startStage({ kind: 'vertex', vertex }, draft, used)
}

/** Without `--platform` a stage follows the image that it found. */
function imagePlatform(wanted: StageState['platform'], found: StageState['platform']): StageState['platform'] {
  return samePlatform(wanted, found) ? wanted : found
}

function baseError({ dockerfile }: PlanRequest, node: StageNode, reference: string, error: unknown): unknown {
  if (!(error instanceof TsbuildError) || error.code === 'CANCELLED') return error
  const range = node.from?.image.range ?? node.origin.range
  const message = `Cannot use base image "${reference}": ${error.message}`
  return locatedError(dockerfile, range, error.code, message, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: error.details,
  })
}

/** Triggers of the base image or base stage, run as if they stood right after the FROM. */
function addTriggers({ request, table }: BasesRequest, node: StageNode): boolean {
  if (node.triggered) return false
  node.triggered = true
  const triggers = node.base === undefined ? imageTriggers(request, node) : stageTriggers(node.base)
  if (triggers.length === 0) return false
  const range = node.from?.range ?? node.origin.range
  const commands = triggers.map((instruction) => linkCommand(request, table, instruction, { onbuild: true, range }))
  node.commands = [...commands, ...node.commands]
  node.steps += commands.filter(({ instruction }) =>
    ['add', 'copy', 'run', 'workdir'].includes(instruction.kind),
  ).length
  return commands.some(({ sources }) => sources.some((source) => source !== null))
}

function stageTriggers(base: StageNode): readonly Instruction[] {
  return base.commands.flatMap(({ instruction, onbuild }) =>
    instruction.kind === 'onbuild' && !onbuild ? [instruction.trigger] : [],
  )
}

/** Takes the triggers out of the image's config: they are not inherited further. */
function imageTriggers(request: PlanRequest, node: StageNode): readonly Instruction[] {
  const { state } = node
  const texts = state?.image.config.OnBuild ?? []
  if (state === undefined || texts.length === 0) return []
  const { OnBuild: _, ...config } = state.image.config
  state.image = { ...state.image, config }
  return texts.map((text) => parseTrigger(request, node, text))
}

function parseTrigger({ dockerfile }: PlanRequest, node: StageNode, text: string): Instruction {
  const parsed = parseDockerfile(text, { filename: 'ONBUILD' })
  const [instruction] = parsed.instructions
  const mistake = parsed.diagnostics.find(({ severity, code }) => severity === 'error' && code !== 'NO_STAGE')
  if (instruction !== undefined && mistake === undefined && parsed.instructions.length === 1) return instruction
  const range = node.from?.range ?? node.origin.range
  const why = mistake?.message ?? 'it must be a single instruction'
  throw locatedError(
    dockerfile,
    range,
    'DOCKERFILE_INVALID',
    `The base image's trigger "ONBUILD ${text}" is invalid: ${why}`,
    {
      diagnostic: 'ONBUILD_INVALID',
    },
  )
}
