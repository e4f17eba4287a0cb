import type { Containers } from './containers.ts'
import { isLive } from './container-state.ts'
import { claimContainer, settle } from './settle.ts'

/** Takes back the addresses that containers hold which have ended since they were started. */
export async function releaseIdle(containers: Containers, owners: readonly string[]): Promise<void> {
  for (const owner of new Set(owners)) {
    const container = containers.records.byId(owner)
    if (container === undefined) continue
    using _claim = await claimContainer(containers, owner)
    const settled = await settle(containers, container, { held: true })
    if (settled !== undefined && !isLive(settled.state)) containers.networks.release(owner)
  }
}
