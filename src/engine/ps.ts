import type { ContainerEntry } from '../container/container-filter.ts'
import { compileContainerFilter } from '../container/container-filter.ts'
import { isLive } from '../container/container-state.ts'
import { settleAll } from '../container/settle.ts'
import { containerSizes } from '../container/sizes.ts'
import type { ContainerSizes } from '../container/sizes.ts'
import type { Engine } from './engine.ts'

export interface PsRequest {
  /** Also those that do not run. A filter on the state implies it. */
  readonly all: boolean
  readonly filters: readonly string[]
  /** Only so many, the newest first, in whatever state. */
  readonly last?: number
  readonly sizes: boolean
}

export interface PsEntry extends ContainerEntry {
  readonly sizes?: ContainerSizes
}

/** Containers, newest first. USAGE for a filter that does not exist. */
export async function ps(engine: Engine, request: PsRequest): Promise<readonly PsEntry[]> {
  const { containers } = engine
  const filter = await compileContainerFilter(request.filters, {
    records: containers.records,
    imageIds: async (word) => {
      const image = await engine.images.find(word, engine.settings.platform)
      return image === undefined ? [] : [image.id]
    },
  })
  const anyState =
    request.all || request.last !== undefined || request.filters.some((word) => /^(status|exited)=/.test(word))
  const settled = await settleAll(containers)
  const entries = settled
    .filter(({ container, state }) => container.stage === 'ready' && (anyState || isLive(state)))
    .map(({ container, state }): ContainerEntry => ({
      container,
      state,
      endpoints: containers.networks.endpoints(container.id),
      ports: isLive(state) ? containers.networks.ports(containers.directory(container.id)) : [],
    }))
    .filter(filter)
    .slice(0, request.last)
  if (!request.sizes) return entries
  const sizes = await containerSizes(
    containers,
    entries.map((entry) => entry.container),
  )
  return entries.map((entry, index) => ({ ...entry, ...(sizes[index] === undefined ? {} : { sizes: sizes[index] }) }))
}
