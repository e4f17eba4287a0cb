import { hasCode, TsbuildError } from '../base/errors.ts'
import { hasLabel } from '../container/container-filter.ts'
import { predefined } from '../network/network-service.ts'
import type { Engine } from './engine.ts'
import { networkRm } from './network-rm.ts'

export interface NetworkPruneRequest {
  /** `label=…`, `label!=…`. */
  readonly filters: readonly string[]
  readonly until?: Date
}

/** Removes networks that no container asks for. Gives their names. USAGE. */
export async function networkPrune(engine: Engine, request: NetworkPruneRequest): Promise<readonly string[]> {
  const labels = request.filters.map((filter) => {
    const match = /^label(!?)=(.+)$/s.exec(filter)
    if (match === null) throw new TsbuildError('USAGE', `invalid filter '${filter}'`, { hint: 'Filters: until, label' })
    return { word: match[2] ?? '', wanted: match[1] === '' }
  })
  const asked = new Set(
    engine.containers.records.list().flatMap(({ spec }) => spec.network.endpoints.map(({ network }) => network)),
  )
  const removed: string[] = []
  for (const network of engine.networks.list()) {
    if (predefined.some((name) => name === network.name) || asked.has(network.name) || asked.has(network.id)) continue
    if (request.until !== undefined && network.createdAt >= request.until.getTime()) continue
    if (!labels.every(({ word, wanted }) => hasLabel(network.labels, word) === wanted)) continue
    try {
      await networkRm(engine, { name: network.id, force: false })
      removed.push(network.name)
    } catch (error) {
      if (!hasCode(error, 'NETWORK_IN_USE', 'NETWORK_NOT_FOUND')) throw error
    }
  }
  return removed
}
