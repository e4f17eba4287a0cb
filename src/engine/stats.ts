import { setTimeout as delay } from 'node:timers/promises'
import type { Container } from '../container/container-records.ts'
import { isLive } from '../container/container-state.ts'
import { settleAll } from '../container/settle.ts'
import { sampleStats, statsRow } from '../container/stats.ts'
import type { StatsRow, StatsSample } from '../container/stats.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface StatsRequest {
  /** Empty: all that run. */
  readonly names: readonly string[]
  /** Also those that do not run, where none is named. */
  readonly all: boolean
}

/** How long a rate is measured: docker's daemon takes its samples a second apart. */
const intervalMs = 1000

/** Figures of the containers, once a second until the signal fires. CONTAINER_NOT_FOUND. */
export async function* stats(
  engine: Engine,
  request: StatsRequest,
  context: VerbContext,
): AsyncGenerator<readonly StatsRow[]> {
  const { containers } = engine
  const named = request.names.map((name) => containers.records.resolve(name))
  let before = new Map<string, StatsSample>()
  for (let round = 0; ; round += 1) {
    const list = named.length > 0 ? named : await running(engine, request.all)
    const after = new Map<string, StatsSample>()
    for (const container of list) after.set(container.id, await sampleStats(containers, container))
    if (round > 0) {
      yield list.map((container) => {
        const now = after.get(container.id)!
        return statsRow(container, before.get(container.id) ?? now, now)
      })
    }
    before = after
    await delay(intervalMs, undefined, { signal: context.signal })
  }
}

async function running(engine: Engine, all: boolean): Promise<readonly Container[]> {
  return (await settleAll(engine.containers))
    .filter(({ state }) => all || isLive(state))
    .map(({ container }) => container)
}
