import { rmSync } from 'node:fs'
import { hasCode } from '../base/errors.ts'
import { recordEvent, recordTransitions } from './container-events.ts'
import type { Container } from './container-records.ts'
import { isLive, readState } from './container-state.ts'
import type { Containers } from './containers.ts'
import { endMonitor } from './monitor-life.ts'

/**
 * Removes all that belongs to a container, killing it if it still runs: record, files, snapshot, addresses, anonymous volumes that no other uses.
 * Safe to repeat after a crash at any point.
 */
export async function destroyContainer(containers: Containers, container: Container, volumes = true): Promise<void> {
  const { records, store, snapshots } = containers
  const { id } = container
  records.setStage(id, 'removing', store.lease.id)
  if (isLive(readState(containers.directory(id)))) recordEvent(containers, container, 'kill', { signal: '9' })
  await endMonitor(containers, id)
  await recordTransitions(containers, container)
  containers.networks.release(id)
  const snapshot = records.byId(id)?.snapshot ?? null
  const discarded = snapshot === null ? undefined : snapshots.discard(snapshot)
  discarded?.catch(() => {}) // awaited below
  rmSync(containers.directory(id), { recursive: true, force: true })
  rmSync(containers.runDirectory(id), { recursive: true, force: true })
  await discarded
  const orphaned = store.db.transaction(() => {
    const used = containers.volumes.records.usedBy(id)
    records.remove(id)
    if (container.stage !== 'creating') recordEvent(containers, container, 'destroy')
    return used.filter((name) => volumes && containers.volumes.records.find(name)?.anonymous === true)
  })
  for (const name of orphaned) await removeUnused(containers, name)
}

async function removeUnused(containers: Containers, volume: string): Promise<void> {
  try {
    await containers.volumes.remove(volume)
  } catch (error) {
    if (!hasCode(error, 'VOLUME_IN_USE', 'VOLUME_NOT_FOUND')) throw error
  }
}
