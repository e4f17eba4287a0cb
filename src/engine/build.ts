import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TsbuildError, hasCode, messageOf } from '../base/errors.ts'
import { buildRecords } from '../build/explain/build-records.ts'
import type { BuildRecord } from '../build/explain/build-records.ts'
import { explainCause } from '../build/explain/explanation.ts'
import type { Explanation } from '../build/explain/explanation.ts'
import { createRecorder } from '../build/explain/recorder.ts'
import type { Recorder } from '../build/explain/recorder.ts'
import type { BuildVertex } from '../build/ops/op.ts'
import type { Cause } from '../build/solver/cause.ts'
import type { Digest } from '../oci/digest.ts'
import { executeBuild } from './build-execute.ts'
import { keepWithin, sweepDead } from './build-housekeeping.ts'
import type { BuildRequest, BuildResult } from './build-request.ts'
import { verifyBuild } from './build-verify.ts'
import { manifestPaths } from './build-services.ts'
import type { Engine, VerbContext } from './engine.ts'

/**
 * Builds an image: reads the context, plans, solves, writes the outputs, and leaves a record of it. Codes: CONTEXT_UNREADABLE,
 * DOCKERFILE_INVALID, STAGE_UNKNOWN, those of pulls, and of the step that failed: RUN_FAILED, SOURCE_MISSING, STEP_FAILED and others,
 * with its place in the Dockerfile.
 */
export async function build(engine: Engine, request: BuildRequest, context: VerbContext): Promise<BuildResult> {
  const { store, settings } = engine
  const id = randomBytes(8).toString('hex')
  const startedAt = Date.now()
  const causes = new Map<Digest, { readonly vertex: BuildVertex; readonly cause: Cause }>()
  await using stack = new AsyncDisposableStack()
  const places = [join(store.root, 'tmp'), join(settings.runRoot, 'build')] as const
  await Promise.all(places.map((folder) => sweepDead(store.db, folder)))
  const [scratch, volatile] = places.map((folder) => join(folder, `${store.lease.id}-${id}`)) as [string, string]
  for (const folder of [scratch, volatile]) stack.defer(() => rm(folder, { recursive: true, force: true }))
  const recorder = stack.use(createRecorder(context.emit, buildLogPath(store.root, id)))
  const onCause = (vertex: BuildVertex, cause: Cause): void => void causes.set(vertex.digest, { vertex, cause })
  const explain = (step: string): Explanation | undefined => {
    const found = causes.get(step as Digest)
    return found === undefined ? undefined : explainCause(found.vertex, found.cause, manifestPaths(store.root))
  }

  const base = {
    id,
    startedAt,
    context: request.context,
    dockerfile: request.file ?? 'Dockerfile',
    target: request.target ?? '',
  }
  const records = buildRecords(store.db)
  try {
    const options = { id, scratch, volatile, onCause }
    const watched = { ...context, emit: recorder.emit }
    if (request.verify) await verifyBuild(engine, request, options, watched)
    const { built: _built, stepOf: _stepOf, ...result } = await executeBuild(engine, request, options, watched)
    const record: BuildRecord = {
      ...base,
      ...ending(recorder, explain),
      status: 'completed',
      names: request.tags,
      images: result.images.map((image) => image.id),
    }
    records.add(record)
    if (causes.size > 0) await keepWithin(engine, context)
    return { ...result, record }
  } catch (error) {
    const status = hasCode(error, 'CANCELLED') ? 'cancelled' : 'failed'
    const code = error instanceof TsbuildError ? error.code : 'INTERNAL'
    records.add({
      ...base,
      ...ending(recorder, explain),
      status,
      names: request.tags,
      images: [],
      error: { code, message: messageOf(error) },
    })
    throw error
  }
}

/** The output of a build's steps. */
export function buildLogPath(root: string, id: string): string {
  return join(root, 'builds', `${id}.log`)
}

function ending(
  recorder: Recorder,
  explain: (step: string) => Explanation | undefined,
): Pick<BuildRecord, 'endedAt' | 'steps'> {
  const steps = recorder.steps().map((step) => {
    const explanation = explain(step.id)
    return explanation === undefined ? step : { ...step, explanation }
  })
  return { endedAt: Date.now(), steps }
}
