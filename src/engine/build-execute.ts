import { parseDockerfile } from '@dockerfile/parser'
import type { NoticeEvent } from '../base/events.ts'
import { createLimiter } from '../base/limiter.ts'
import { TsbuildError } from '../base/errors.ts'
import { openMainContext, openNamedContext } from '../build/context/main-context.ts'
import type { BuildContext } from '../build/context/build-context.ts'
import { mainContext } from '../build/context/build-context.ts'
import { importedMount, withImports } from '../build/remote-cache/imported-cache.ts'
import { finishConfig } from '../build/export/image-config.ts'
import type { BuiltPlatform } from '../build/export/result-image.ts'
import { internalStep } from '../build/internal-step.ts'
import { locatedError } from '../build/located.ts'
import type { Op, BuildVertex } from '../build/ops/op.ts'
import { annotationsFor } from '../build/options/annotation-option.ts'
import { operationOf } from '../build/ops/operations.ts'
import { epochSource, withEpoch } from '../build/plan/epoch.ts'
import { planBuild } from '../build/plan/plan.ts'
import type { BuildKey } from '../build/recall/remembered-build.ts'
import type { BuildPlan, PlanRequest } from '../build/plan/request.ts'
import type { Cause } from '../build/solver/cause.ts'
import { solve, stepsByDigest } from '../build/solver/solve.ts'
import { walkVertices } from '../build/solver/vertex.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Platform } from '../oci/types.ts'
import { defaultCgroupParent } from './cgroup-parent.ts'
import { engineCacheRecords } from './builder-cache.ts'
import { importCaches } from './build-cache-import.ts'
import { exportCaches, inlineCache } from './build-cache-export.ts'
import { cacheMountIds } from './build-cache-layers.ts'
import { checkOptions, startChecks, withOtherMistakes } from './build-checks.ts'
import { checkOutputs, writeOutputs } from './build-outputs.ts'
import type { OutputsResult } from './build-outputs.ts'
import { buildNetworks } from './build-networks.ts'
import { buildServices, contextTools } from './build-services.ts'
import { squash } from './build-squash.ts'
import { sourceTimes } from './build-epoch.ts'
import { resolveImages } from './build-images.ts'
import { layoutScheme } from './build-layout-image.ts'
import { rememberBuild } from './build-remember.ts'
import type { BuildRequest } from './build-request.ts'
import { heldLimits } from './held-limits.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface ExecuteOptions {
  /** Names the build. */
  readonly id: string
  /** On the store's file system, for this build. */
  readonly scratch: string
  /** In memory, for this build. */
  readonly volatile: string
  /** Under which the build is remembered when it ends well. */
  readonly recallKey?: BuildKey
  /** Told why each step that runs has to. */
  readonly onCause: (vertex: BuildVertex, cause: Cause) => void
}

export interface ExecutedBuild extends OutputsResult {
  /** One for each platform. */
  readonly built: readonly BuiltPlatform[]
  /** Names of the steps that made layers, by ChainID. */
  readonly stepOf: (identity: string) => string | undefined
}

/** The work of a build: context, plan, solution, outputs. */
export async function executeBuild(
  engine: Engine,
  request: BuildRequest,
  options: ExecuteOptions,
  context: VerbContext,
): Promise<ExecutedBuild> {
  const { emit, signal } = context
  const { settings } = engine
  const { id, scratch, volatile } = options
  await using stack = new AsyncDisposableStack()
  const names = request.tags.map((tag) => withDefaultTag(parseReference(tag)))
  const platforms = targetPlatforms(request, settings.platform)
  const { outputs, annotations, stdout } = request
  checkOutputs(
    { outputs, names, annotations },
    { platforms: platforms.length, cwd: settings.cwd, allow: request.allow },
  )

  const tools = stack.use(contextTools(engine, request, { scratch, signal }))
  const main = await internalStep(emit, 'load build definition', () =>
    openMainContext(request.context, request.file, tools),
  )
  const contexts = new Map<string, Promise<BuildContext>>([[mainContext, Promise.resolve(stack.use(main.context))]])
  const open = (name: string): Promise<BuildContext> => {
    const known = contexts.get(name)
    if (known !== undefined) return known
    const source = request.contexts.get(name)
    if (source === undefined) throw new Error(`The plan names an unknown context "${name}"`)
    const opened = openNamedContext(name, source, tools).then((made) => stack.use(made))
    contexts.set(name, opened)
    return opened
  }

  const dockerfile = parseDockerfile(main.dockerfile.bytes, { filename: main.dockerfile.filename })
  const images = resolveImages(engine, request, context)
  const times = sourceTimes(tools, open)
  const known = {
    ...checkOptions(request, { build: settings.platform, target: platforms[0] ?? settings.platform }, images.byName),
    ...(main.context.ignore === null ? {} : { ignore: main.context.ignore }),
    onlyTarget: true,
  } as const
  const plans = await Promise.all(
    platforms.map(async (platform) => {
      const several = platforms.length > 1
      const described = planRequest(request, { build: settings.platform, target: platform, several }, dockerfile)
      return planBuild(withEpoch(described, await times.seconds(epochSource(described))), images.resolve)
    }),
  ).catch((error: unknown) => {
    throw withOtherMistakes(error, dockerfile, known)
  })
  const notices: NoticeEvent[] = []
  const say = (notice: NoticeEvent): void => {
    notices.push(notice)
    emit(notice)
  }
  for (const { text, hint } of plans.flatMap((plan) => plan.notes))
    say({ kind: 'notice', level: 'warning', text, ...(hint === undefined ? {} : { hint }) })

  // However the build ends, warnings are what is read last.
  const checks = stack.use(startChecks(dockerfile, known, say))

  const resolved = images.byManifest
  const imports = await importCaches(engine, request.cacheFrom, context)
  const seed = (key: string, aborted: AbortSignal): Promise<string | undefined> => importedMount(imports, key, aborted)
  const cgroupParent = request.limits.cgroupParent ?? defaultCgroupParent(engine.settings)
  const limits = {
    ...request.limits,
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    limits: await heldLimits(engine, request.limits.limits ?? {}, context),
  }
  const services = buildServices(
    engine,
    { ...request, limits },
    {
      seed,
      networks: stack.use(buildNetworks(engine, volatile)),
      plans,
      open,
      resolved,
      tools,
      scratch,
      volatile,
      context,
    },
  )
  const cache = withImports(engineCacheRecords(engine, id), imports)
  const anew = cachesToForget(plans)
  if (anew.size > 0) await services.caches.forget(anew, signal)
  const solution = await solve<Op>(
    plans.map((plan) => plan.target),
    {
      operation: (vertex) => operationOf(vertex, services),
      cache,
      byIdentity: cache.byIdentity,
      limiter: createLimiter(request.jobs ?? settings.limits.jobs),
      emit,
      signal,
      now: Date.now,
      onCause: options.onCause,
      explainFailure: (vertex, error) => placed(vertex, error, dockerfile),
    },
  )
  const steps = stepsByDigest(solution)
  const built = plans.map((plan, at): BuiltPlatform => {
    const top = solution.results[at] ?? null
    const config = finishConfig({
      draft: plan.image,
      diffIds: top === null ? [] : engine.snapshots.diffIds(top.id),
      createdAt: (step) => steps.get(step)?.createdAt ?? 0,
      ...(plan.epoch === undefined ? {} : { epoch: plan.epoch }),
    })
    return { config, top, ...(plan.epoch === undefined ? {} : { epoch: plan.epoch }) }
  })
  const squashed = request.squash ? await squash(engine, plans, built, context) : built
  const records = solution.steps.flatMap(({ record }) => record ?? [])
  const exported = {
    targets: request.cacheTo,
    records,
    results: squashed.map(({ top }) => top),
    mounts: cacheMountIds(plans),
  }
  const inline = await inlineCache(engine, exported, context)
  const final =
    inline === undefined ? squashed : squashed.map((one) => ({ ...one, config: { ...one.config, ...inline } }))
  const written = await writeOutputs(engine, final, { outputs, names, annotations, stdout }, context)
  await exportCaches(engine, exported, context)
  cache.touch()
  const [single] = final
  if (options.recallKey !== undefined && !times.asked() && single !== undefined && final.length === 1) {
    checks.tell()
    const annotations = annotationsFor(request.annotations, 'manifest', single.config)
    const ended = {
      key: options.recallKey,
      contexts: await Promise.all(contexts.values()),
      images,
      solution,
      built: single,
      annotations,
      notices,
    }
    rememberBuild(engine, ended)
  }
  const stepOf = (identity: string): string | undefined =>
    solution.steps.find((step) => step.identity === identity)?.vertex.label.name
  return { ...written, built: final, stepOf }
}

/** `local` is the machine's. One that is named twice is built once. */
function targetPlatforms(request: BuildRequest, host: Platform): readonly Platform[] {
  const platforms = request.platforms.map((text) => (text === 'local' ? host : parsePlatform(text, host)))
  const byName = new Map(platforms.map((platform) => [formatPlatform(platform), platform]))
  return byName.size === 0 ? [host] : [...byName.values()]
}

function planRequest(
  request: BuildRequest,
  platforms: { readonly build: Platform; readonly target: Platform; readonly several: boolean },
  dockerfile: PlanRequest['dockerfile'],
): Omit<PlanRequest, 'epoch'> {
  const { target, buildArgs, labels, network, hosts, noCache } = request
  return {
    dockerfile,
    ...(target === undefined ? {} : { target }),
    buildArgs,
    labels,
    buildPlatform: platforms.build,
    targetPlatform: platforms.target,
    explicitPlatform: request.platforms.length > 0,
    multiPlatform: platforms.several,
    network,
    hosts,
    noCache,
    contexts: new Map(
      [...request.contexts].map(([name, source]) => [
        name,
        source.startsWith('docker-image://')
          ? ({ kind: 'image', reference: source.slice('docker-image://'.length) } as const)
          : source.startsWith(layoutScheme)
            ? ({ kind: 'image', reference: source } as const)
            : ({ kind: 'files', name } as const),
      ]),
    ),
    allowInsecure: request.allow.has('security.insecure'),
    allowHostNetwork: request.allow.has('network.host'),
  }
}

/** As in BuildKit steps that ignore the cache ignore what is in their cache mounts as well. */
function cachesToForget(plans: readonly BuildPlan[]): ReadonlySet<string> {
  const steps = [...walkVertices(plans.map((plan) => plan.target))].filter(({ label }) => label.ignoreCache)
  return new Set(
    steps.flatMap(({ op }) =>
      op.kind === 'exec' ? op.mounts.flatMap((mount) => (mount.kind === 'cache' ? [mount.id] : [])) : [],
    ),
  )
}

/** The error of a step with its place in the Dockerfile. */
function placed(vertex: BuildVertex, error: unknown, dockerfile: PlanRequest['dockerfile']): unknown {
  const { range } = vertex.label
  if (range === undefined || !(error instanceof TsbuildError) || error.code === 'CANCELLED') return error
  return locatedError(dockerfile, range, error.code, error.message, {
    cause: error.cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: { ...error.details, step: vertex.label.name },
  })
}
