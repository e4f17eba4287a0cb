import { hasCode } from '../base/errors.ts'
import { releaseIdle } from '../container/idle-endpoints.ts'
import { recordNetworkEvent } from './network-events.ts'
import type { Engine } from './engine.ts'

/** Removes a network. NETWORK_NOT_FOUND (not with force), NETWORK_IN_USE by containers that run, NETWORK_INVALID for a predefined one. */
export async function networkRm(
  engine: Engine,
  request: { readonly name: string; readonly force: boolean },
): Promise<void> {
  try {
    const { records } = engine.networks
    const network = engine.networks.get(request.name)
    await releaseIdle(
      engine.containers,
      records.endpointsIn(network.id).map(({ owner }) => owner),
    )
    await engine.networks.remove(network.id)
    recordNetworkEvent(engine, network, 'destroy')
  } catch (error) {
    if (!request.force || !hasCode(error, 'NETWORK_NOT_FOUND')) throw error
  }
}
