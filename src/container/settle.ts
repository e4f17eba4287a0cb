import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../base/atomic-file.ts'
import { TsbuildError } from '../base/errors.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container-records.ts'
import { isLive, readState, stateFile, unknownExit } from './container-state.ts'
import type { ContainerState } from './container-state.ts'
import { isMonitorAlive } from './monitor-life.ts'
import { destroyContainer } from './destroy.ts'

/** A container with what it does now. */
export interface Settled {
  readonly container: Container
  readonly state: ContainerState
}

export interface SettleOptions {
  /** The caller has the claim on the container. */
  readonly held?: boolean
  /** It is to run again: one that was to be removed at its end stays. */
  readonly keep?: boolean
}

/**
 * Brings record and reality together and tells what is true: a container half made or half removed by a process that is dead goes;
 * one whose monitor was killed, or that ran before a reboot, is `exited` with code 255 and the reason in `error`; one that was
 * to be removed at its end is. Undefined when the container is gone.
 */
export async function settle(
  containers: Containers,
  given: Pick<Container, 'id'>,
  options: SettleOptions = {},
): Promise<Settled | undefined> {
  const container = containers.records.byId(given.id)
  if (container === undefined) return undefined
  const state = readState(containers.directory(container.id))
  if (container.stage !== 'ready') {
    if (isAtWork(containers, container)) return { container, state }
    await destroyContainer(containers, container)
    return undefined
  }
  if (isLive(state) ? await isMonitorAlive(containers, container.id) : !isToGo(container, state, options)) {
    return { container, state }
  }
  if (options.held === true) return await settleEnded(containers, container, options)
  using _claim = await claimContainer(containers, container.id)
  return await settleEnded(containers, container, options)
}

function isToGo({ spec }: Container, { status }: ContainerState, { keep }: SettleOptions): boolean {
  return status === 'exited' && spec.autoRemove && keep !== true
}

/** With the claim: what was seen before may have changed. */
async function settleEnded(
  containers: Containers,
  container: Container,
  options: SettleOptions,
): Promise<Settled | undefined> {
  if (containers.records.byId(container.id) === undefined) return undefined
  let state = readState(containers.directory(container.id))
  if (isLive(state)) {
    if (await isMonitorAlive(containers, container.id)) return { container, state }
    state = await settleOrphan(containers, container, state)
  }
  if (!isToGo(container, state, options)) return { container, state }
  await destroyContainer(containers, container)
  return undefined
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
  throw notFound(word)
}

function notFound(word: string): TsbuildError {
  return new TsbuildError('CONTAINER_NOT_FOUND', `No such container: ${word}`)
}

/** As `settledByName`, with the claim on the container: what it says stays true until the claim is given up. */
export async function claimedByName(
  containers: Containers,
  word: string,
  signal: AbortSignal,
): Promise<Settled & Disposable> {
  const { id } = containers.records.resolve(word)
  const claim = await claimContainer(containers, id, signal)
  try {
    const settled = await settle(containers, { id }, { held: true })
    if (settled === undefined) throw notFound(word)
    return { ...settled, [Symbol.dispose]: () => claim[Symbol.dispose]() }
  } catch (error) {
    claim[Symbol.dispose]()
    throw error
  }
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

async function settleOrphan(
  containers: Containers,
  container: Container,
  state: ContainerState,
): Promise<ContainerState> {
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
  await writeFileAtomic(join(containers.directory(container.id), stateFile), JSON.stringify(settled))
  return settled
}

/** Kills what a killed monitor left running and takes back its cgroup, network and names. Nothing of it may be there, after a reboot. */
async function sweepRuntime(containers: Containers, container: Container): Promise<void> {
  const { native, networks } = containers
  const runDirectory = containers.runDirectory(container.id)
  if (existsSync(join(runDirectory, runtimeRecord))) {
    await native.oci(['--root', runDirectory, 'delete', '--force', runtimeRecord])
  }
  const place = networks.shared === undefined ? {} : { shared: networks.shared }
  await native.call('network', { op: 'sweep', names: networks.nameDirectories(container.id), ...place })
  networks.release(container.id)
}

/** Folder below a run directory where the runtime keeps its record of the container. */
const runtimeRecord = 'oci'
