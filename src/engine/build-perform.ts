import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectories } from '../base/make-directories.ts'
import type { ExplainedStep } from '../build/explain/build-records.ts'
import { explainCause } from '../build/explain/explanation.ts'
import type { RecordedStep } from '../build/explain/recorder.ts'
import type { BuildKey } from '../build/recall/remembered-build.ts'
import type { Digest } from '../oci/digest.ts'
import { defaultCgroupParent } from './cgroup-parent.ts'
import { executeBuild } from './build-execute.ts'
import { keepOutput, keepWithin } from './build-housekeeping.ts'
import type { OutputsResult } from './build-outputs.ts'
import type { BuildRequest } from './build-request.ts'
import { manifestPaths } from './build-services.ts'
import { verifyBuild } from './build-verify.ts'
import type { Causes } from './build.ts'
import type { Engine, VerbContext } from './engine.ts'
import { buildFolders, cgroupParentFile, sweepBuilds } from './sweep-builds.ts'

export interface PerformOptions {
  readonly id: string
  /** Filled with why each step that runs has to. */
  readonly causes: Causes
  /** Under which the build is remembered. */
  readonly recallKey: BuildKey | undefined
}

/** Plans and solves a build in folders of its own, which are removed after it. */
export async function performBuild(
  engine: Engine,
  request: BuildRequest,
  { id, causes, recallKey }: PerformOptions,
  context: VerbContext,
): Promise<OutputsResult> {
  await using stack = new AsyncDisposableStack()
  await sweepBuilds(engine)
  const name = `${engine.store.lease.id}-${id}`
  const [scratch, volatile] = buildFolders(engine).map((folder) => join(folder, name)) as [string, string]
  for (const folder of [scratch, volatile]) stack.defer(() => rm(folder, { recursive: true, force: true }))
  const cgroupParent = request.limits.cgroupParent ?? defaultCgroupParent(engine.settings)
  if (cgroupParent !== undefined) {
    makeDirectories(volatile, 0o755)
    await writeFile(join(volatile, cgroupParentFile), cgroupParent)
  }
  const options = {
    id,
    scratch,
    volatile,
    ...(recallKey === undefined ? {} : { recallKey }),
    onCause: (vertex: Parameters<Causes['set']>[1]['vertex'], cause: Parameters<Causes['set']>[1]['cause']) =>
      void causes.set(vertex.digest, { vertex, cause }),
  }
  stack.defer(async () => (causes.size > 0 ? keepOutput(engine) : undefined))
  if (request.verify) await verifyBuild(engine, request, options, context)
  const { images, target, names } = await executeBuild(engine, request, options, context)
  if (causes.size > 0) await keepWithin(engine, context)
  return { images, names, ...(target === undefined ? {} : { target }) }
}

/** Says of each step that ran why it did. */
export function explainSteps(
  { store }: Engine,
  steps: readonly RecordedStep[],
  causes: Causes,
): readonly ExplainedStep[] {
  return steps.map((step) => {
    const found = causes.get(step.id as Digest)
    if (found === undefined) return step
    return { ...step, explanation: explainCause(found.vertex, found.cause, manifestPaths(store.root)) }
  })
}
