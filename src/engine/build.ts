import { randomBytes } from 'node:crypto'
import { TsbuildError, hasCode, messageOf } from '../base/errors.ts'
import { buildRecords } from '../build/explain/build-records.ts'
import type { BuildRecord, ExplainedStep } from '../build/explain/build-records.ts'
import { createRecorder } from '../build/explain/recorder.ts'
import type { Recorder } from '../build/explain/recorder.ts'
import type { BuildVertex } from '../build/ops/op.ts'
import type { Cause } from '../build/solver/cause.ts'
import type { Digest } from '../oci/digest.ts'
import { buildLogPath } from './build-log.ts'
import type { OutputsResult } from './build-outputs.ts'
import { recallBuild, recallable } from './build-recall.ts'
import type { BuildRequest, BuildResult } from './build-request.ts'
import type { Engine, VerbContext } from './engine.ts'

/** Why steps ran, by their digests. */
export type Causes = Map<Digest, { readonly vertex: BuildVertex; readonly cause: Cause }>

/**
 * Builds an image: recalls the result of an equal build, or reads the context, plans, solves and writes the outputs; and leaves a
 * record of it. Codes: CONTEXT_UNREADABLE, DOCKERFILE_INVALID, STAGE_UNKNOWN, those of pulls, and of the step that failed:
 * RUN_FAILED, SOURCE_MISSING, STEP_FAILED and others, with its place in the Dockerfile.
 */
export async function build(engine: Engine, request: BuildRequest, context: VerbContext): Promise<BuildResult> {
  const { store, native } = engine
  native.prepare('walk')
  // Made at the first use: node:crypto takes ten milliseconds to load, in which a walk of the context may be under way.
  let made: string | undefined
  const id = (): string => (made ??= randomBytes(8).toString('hex'))
  const causes: Causes = new Map()
  using recorder = createRecorder(context.emit, () => buildLogPath(store.root, id()))
  const base = {
    startedAt: Date.now(),
    context: request.context,
    dockerfile: request.file ?? 'Dockerfile',
    target: request.target ?? '',
    names: request.tags,
  }
  const records = buildRecords(store.db)
  try {
    const result = await perform(engine, request, id, causes, { ...context, emit: recorder.emit })
    const images = result.images.map((image) => image.id)
    const record: BuildRecord = {
      id: id(),
      ...base,
      ...(await ending(engine, recorder, causes)),
      status: 'completed',
      images,
    }
    records.add(record)
    return { ...result, record }
  } catch (error) {
    const code = error instanceof TsbuildError ? error.code : 'INTERNAL'
    records.add({
      id: id(),
      ...base,
      ...(await ending(engine, recorder, causes)),
      status: hasCode(error, 'CANCELLED') ? 'cancelled' : 'failed',
      images: [],
      error: { code, message: messageOf(error) },
    })
    throw error
  }
}

/** What a build needs beyond recalling is loaded only where it is needed: it is most of the code. */
async function perform(
  engine: Engine,
  request: BuildRequest,
  id: () => string,
  causes: Causes,
  context: VerbContext,
): Promise<OutputsResult> {
  const recalled = await recallable(engine, request, context.signal)
  const known = recalled === undefined ? undefined : await recallBuild(engine, recalled, request, context)
  if (known !== undefined) return known
  const { performBuild } = await import('./build-perform.ts')
  return performBuild(engine, request, { id: id(), causes, recallKey: recalled?.key }, context)
}

async function ending(
  engine: Engine,
  recorder: Recorder,
  causes: Causes,
): Promise<{ readonly endedAt: number; readonly steps: readonly ExplainedStep[] }> {
  const steps = recorder.steps()
  const endedAt = Date.now()
  if (causes.size === 0) return { endedAt, steps }
  const { explainSteps } = await import('./build-perform.ts')
  return { endedAt, steps: explainSteps(engine, steps, causes) }
}
