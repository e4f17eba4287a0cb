import { hasCode } from '../base/errors.ts'
import { predefined } from '../network/network-service.ts'
import type { Engine } from './engine.ts'
import { networkRm } from './network-rm.ts'
import { pruneLabels } from './prune-labels.ts'

export interface NetworkPruneRequest {
  /** `label=…`, `label!=…`. */
  readonly filters: readonly string[]
  readonly until?: Date
}

/** Removes networks that no container asks for. Gives their names. USAGE. */
export async function networkPrune(engine: Engine, request: NetworkPruneRequest): Promise<readonly string[]> {
  const isLabelled = pruneLabels(request.filters)
  const asked = new Set(
    engine.containers.records.list().flatMap(({ spec }) => spec.network.endpoints.map(({ network }) => network)),
  )
  const removed: string[] = []
  for (const network of engine.networks.list()) {
    if (predefined.some((name) => name === network.name) || asked.has(network.name) || asked.has(network.id)) continue
    if (request.until !== undefined && network.createdAt >= request.until.getTime()) continue
    if (!isLabelled(network.labels)) continue
    try {
      await networkRm(engine, { name: network.id, force: false })
      removed.push(network.name)
    } catch (error) {
      if (!hasCode(error, 'NETWORK_IN_USE', 'NETWORK_NOT_FOUND')) throw error
    }
  }
  return removed
}
