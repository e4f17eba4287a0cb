import { builderPrune } from './builder-prune.ts'
import { containerPrune } from './container-prune.ts'
import type { Engine, VerbContext } from './engine.ts'
import { imagePrune } from './image-prune.ts'
import type { ImagePruneResult } from './image-prune.ts'
import { networkPrune } from './network-prune.ts'
import { volumePrune } from './volume-prune.ts'
import type { PruneResult } from './volume-prune.ts'

export interface SystemPruneRequest {
  /** Every image without a container, not only those without a name. */
  readonly all: boolean
  readonly volumes: boolean
  /** `label=…`, `label!=…`; the build cache has no labels and is left alone then. */
  readonly filters: readonly string[]
  readonly until?: Date
}

export interface SystemPruneResult {
  readonly containers: PruneResult
  readonly networks: readonly string[]
  readonly volumes: PruneResult
  readonly images: ImagePruneResult
  readonly cache: PruneResult
}

/** Removes everything that nobody uses: stopped containers first, so that what only they used goes with them. */
export async function systemPrune(
  engine: Engine,
  request: SystemPruneRequest,
  context: VerbContext,
): Promise<SystemPruneResult> {
  const { all, filters, until } = request
  const range = { filters, ...(until === undefined ? {} : { until }) }
  const nothing: PruneResult = { removed: [], bytes: 0 }
  const containers = await containerPrune(engine, range, context)
  const networks = await networkPrune(engine, range)
  const labels = filters.map((filter) => filter.replace(/^label!=/, '!').replace(/^label=/, ''))
  const volumes = request.volumes ? await volumePrune(engine, { all: false, labels }) : nothing
  const images = await imagePrune(engine, { all, ...range })
  const cache = filters.length > 0 || until !== undefined ? nothing : await prunedCache(engine, all, context)
  return { containers, networks, volumes, images, cache }
}

async function prunedCache(engine: Engine, all: boolean, context: VerbContext): Promise<PruneResult> {
  const { removed, bytes } = await builderPrune(engine, { all, filters: [] }, context)
  return { removed: removed.map(({ id }) => id), bytes }
}
