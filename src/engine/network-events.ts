import type { Network } from '../network/network-records.ts'
import { eventLog } from '../store/event-log.ts'
import type { Engine } from './engine.ts'

/** Records what a command did to a network. */
export function recordNetworkEvent(engine: Engine, network: Network, action: string, container?: string): void {
  eventLog(engine.store.db).record({
    type: 'network',
    action,
    actor: network.id,
    attributes: { name: network.name, type: network.driver, ...(container === undefined ? {} : { container }) },
  })
}
