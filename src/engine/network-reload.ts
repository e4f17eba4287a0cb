import type { Container } from '../container/container-records.ts'
import { isLive } from '../container/container-state.ts'
import { connectMonitor } from '../container/monitor-client.ts'
import { settle, settledByName } from '../container/settle.ts'
import { TsbuildError } from '../base/errors.ts'
import type { Engine } from './engine.ts'

/** Names of the containers that `networkReload` without a name is about: those that run, oldest first. */
export async function reloadable({ containers }: Engine): Promise<readonly string[]> {
  const names: string[] = []
  for (const container of containers.records.list().toReversed()) {
    const settled = await settle(containers, container)
    if (settled !== undefined && isLive(settled.state) && hasBridge(container)) names.push(container.name)
  }
  return names
}

/**
 * Puts right what others did to the network of a container that runs: rules that a firewall or `nft flush ruleset` took away, a bridge or interface that
 * was removed, forwarding that was switched off. Connections that stand stay. CONTAINER_NOT_FOUND, CONTAINER_STOPPED, NETWORK_FAILED.
 */
export async function networkReload({ containers }: Engine, name: string): Promise<void> {
  const { container, state } = await settledByName(containers, name)
  if (isLive(state)) {
    await containers.networks.hold(container)
    using client = await connectMonitor(containers.runDirectory(container.id))
    if (client !== undefined) return void (await client.ask({ op: 'network-reload' }))
  }
  throw new TsbuildError('CONTAINER_STOPPED', `cannot reload the network of ${name}: container is not running`, {
    hint: `tsbuild start ${name}`,
  })
}

function hasBridge({ spec }: Container): boolean {
  return spec.network.mode === 'bridge'
}
