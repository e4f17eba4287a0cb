import { hasCode } from '../base/errors.ts'
import { isLive } from '../container/container-state.ts'
import { removeContainer } from '../container/remove.ts'
import { settleAll } from '../container/settle.ts'
import { containerSizes } from '../container/sizes.ts'
import type { Engine, VerbContext } from './engine.ts'
import { pruneLabels } from './prune-labels.ts'
import type { PruneResult } from './volume-prune.ts'

export interface ContainerPruneRequest {
  /** `label=…`, `label!=…`. */
  readonly filters: readonly string[]
  /** Only those made before. */
  readonly until?: Date
}

/** Removes every container that does not run. USAGE for an unknown filter. */
export async function containerPrune(
  engine: Engine,
  request: ContainerPruneRequest,
  context: VerbContext,
): Promise<PruneResult> {
  const { containers } = engine
  const isLabelled = pruneLabels(request.filters)
  const idle = (await settleAll(containers))
    .filter(({ container, state }) => container.stage === 'ready' && !isLive(state))
    .filter(({ container }) => request.until === undefined || container.createdAt < request.until.getTime())
    .filter(({ container }) => isLabelled(container.spec.labels))
    .map(({ container }) => container)
  const sizes = await containerSizes(containers, idle)
  const removed: string[] = []
  let bytes = 0
  for (const [index, container] of idle.entries()) {
    try {
      await removeContainer(containers, container, { force: false, volumes: false, signal: context.signal })
      removed.push(container.id)
      bytes += sizes[index]?.rw ?? 0
    } catch (error) {
      if (!hasCode(error, 'CONTAINER_RUNNING')) throw error
    }
  }
  return { removed, bytes }
}
