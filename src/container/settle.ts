import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../base/atomic-file.ts'
import { TsbuildError } from '../base/errors.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container-records.ts'
import { isLive, readState, stateFile } from './container-state.ts'
import type { ContainerState } from './container-state.ts'
import { isMonitorAlive } from './monitor-client.ts'
import { destroyContainer } from './destroy.ts'

/** A container with what it does now. */
export interface Settled {
  readonly container: Container
  readonly state: ContainerState
}

/** Exit code that is told for a process whose end nobody saw. */
const unknownExit = 255

/**
 * Brings record and reality together and tells what is true: a container half made or half removed by a process that is dead goes;
 * one whose monitor was killed, or that ran before a reboot, is `exited` with code 255 and the reason in `error`; one that was
 * to be removed at its end is. Undefined when the container is gone.
 */
export async function settle(containers: Containers, container: Container): Promise<Settled | undefined> {
  if (container.stage !== 'ready') {
    if (isAtWork(containers, container))
      return { container, state: await readState(containers.directory(container.id)) }
    await destroyContainer(containers, container)
    return undefined
  }
  const state = await readState(containers.directory(container.id))
  if (isLive(state)) {
    if (await isMonitorAlive(containers.runDirectory(container.id))) return { container, state }
    return await settleOrphan(containers, container)
  }
  if (state.status === 'exited' && container.spec.autoRemove) return await removeEnded(containers, container)
  return { container, state }
}

/** Settles every container; newest first, in the order of the records. */
export async function settleAll(containers: Containers): Promise<readonly Settled[]> {
  const settled: Settled[] = []
  for (const container of containers.records.list()) {
    const one = await settle(containers, container)
    if (one !== undefined) settled.push(one)
  }
  return settled
}

/** The container that `word` names, settled. CONTAINER_NOT_FOUND, ID_AMBIGUOUS, ID_TOO_SHORT as `resolve` has them. */
export async function settledByName(
  containers: Containers,
  word: string,
  lookup: 'any' | 'certain' = 'any',
): Promise<Settled> {
  const settled = await settle(containers, containers.records.resolve(word, lookup))
  if (settled !== undefined) return settled
  throw new TsbuildError('CONTAINER_NOT_FOUND', `No such container: ${word}`)
}

/** Exclusive right to change the life of one container, across processes. */
export function claimContainer(containers: Containers, id: string, signal?: AbortSignal): Promise<Disposable> {
  return containers.store.lease.claim(`container:${id}`, signal)
}

/** True while the process that makes or removes the container lives. */
function isAtWork(containers: Containers, container: Container): boolean {
  const { lease, db } = containers.store
  if (container.lease === null) return false
  if (container.lease === lease.id) return true
  lease.bury()
  return db.get('SELECT 1 FROM leases WHERE id = ?', container.lease) !== undefined
}

async function settleOrphan(containers: Containers, container: Container): Promise<Settled | undefined> {
  using _claim = await claimContainer(containers, container.id)
  const directory = containers.directory(container.id)
  const state = await readState(directory)
  if (!isLive(state)) return { container, state }
  if (await isMonitorAlive(containers.runDirectory(container.id))) return { container, state }
  await sweepRuntime(containers, container)
  const settled: ContainerState = {
    ...state,
    status: 'exited',
    pid: 0,
    exitCode: unknownExit,
    finishedAt: new Date().toISOString(),
    error: 'the monitor of the container was killed or the machine was restarted; the exit code is not known',
    health: null,
  }
  await writeFileAtomic(join(directory, stateFile), JSON.stringify(settled))
  if (!container.spec.autoRemove) return { container, state: settled }
  await destroyContainer(containers, container)
  return undefined
}

/** Kills what a killed monitor left running and takes back its cgroup, network and names. Nothing of it may be there, after a reboot. */
async function sweepRuntime(containers: Containers, container: Container): Promise<void> {
  const { native, networks } = containers
  const runDirectory = containers.runDirectory(container.id)
  if (existsSync(join(runDirectory, runtimeRecord))) {
    await native.oci(['--root', runDirectory, 'delete', '--force', runtimeRecord])
  }
  await native.call('network', { op: 'sweep', names: networks.nameDirectories(container.id) })
  networks.release(container.id)
}

/** Folder below a run directory where the runtime keeps its record of the container. */
const runtimeRecord = 'oci'

async function removeEnded(containers: Containers, container: Container): Promise<undefined> {
  using _claim = await claimContainer(containers, container.id)
  if (containers.records.byId(container.id) !== undefined) await destroyContainer(containers, container)
  return undefined
}
