import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { TsbuildError, hasCode } from '../base/errors.ts'
import type { Tree } from '../host/native.ts'
import { onFreeSubnet } from '../network/free-subnet.ts'
import type { RuntimeChoice } from '../runtime/sandbox.ts'
import { recordTransitions } from './container-events.ts'
import type { Container } from './container-records.ts'
import { isLive, readState } from './container-state.ts'
import type { ContainerState } from './container-state.ts'
import type { Containers } from './containers.ts'
import { checkLinks, linkHosts, linkVariables, tellLinking } from './links.ts'
import { connectMonitor } from './monitor-client.ts'
import type { MonitorClient, MonitorHandlers } from './monitor-client.ts'
import { isMonitorAlive, monitorGone } from './monitor-life.ts'
import { monitorPlan } from './monitor-plan.ts'
import { planMounts } from './mount-points.ts'
import { claimContainer, settle } from './settle.ts'
import { sharedVolumes } from './shared-volumes.ts'
import type { SharedVolumes } from './shared-volumes.ts'
import type { Settled } from './settle.ts'
import { clearStopped } from './stop-mark.ts'

export interface StartOptions {
  readonly signal: AbortSignal
  /** Client to attach before the process runs, so that it misses nothing. */
  readonly attach?: MonitorHandlers
}

/**
 * Starts a container that does not run; one that runs is left as it is. With `attach` the connection is given back. Errors:
 * EXEC_NOT_FOUND, EXEC_DENIED, USER_UNKNOWN, PORT_TAKEN, MOUNT_*, NETWORK_*, CGROUP_FAILED, CONTAINER_CONFLICT for a paused one. The container is then
 * `created` or `exited` with the reason in its state, and nothing of the attempt is left.
 */
export async function startContainer(
  containers: Containers,
  container: Container,
  options: StartOptions,
): Promise<MonitorClient | undefined> {
  using _claim = await claimContainer(containers, container.id, options.signal)
  return await startClaimed(containers, container, options)
}

/** As `startContainer`, for a caller that has the claim. */
export async function startClaimed(
  containers: Containers,
  container: Container,
  options: StartOptions,
): Promise<MonitorClient | undefined> {
  const settled = await settledForStart(containers, container, options.signal)
  if (settled.state.status === 'paused') {
    throw new TsbuildError('CONTAINER_CONFLICT', `cannot start container "${container.name}": it is paused`, {
      hint: `tsbuild unpause ${container.name}`,
    })
  }
  clearStopped(containers, container.id)
  if (isLive(settled.state)) return await attachLive(containers, container, options)
  // The new monitor's state says nothing of the runs before.
  await recordTransitions(containers, settled.container)
  return await launch(containers, settled.container, options)
}

/** A monitor that still ends the last run, or starts one for a command that was killed, is waited for: only then is it known. */
async function settledForStart(containers: Containers, container: Container, signal: AbortSignal): Promise<Settled> {
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const settled = await settle(containers, container, { held: true, keep: true })
    if (settled === undefined) throw new TsbuildError('CONTAINER_NOT_FOUND', `No such container: ${container.name}`)
    if (isLive(settled.state) || !(await isMonitorAlive(containers, container.id))) return settled
    await delay(pause, undefined, { signal })
  }
}

/** Attaches to a container that runs already. */
export async function attachLive(
  containers: Containers,
  container: Container,
  options: StartOptions,
): Promise<MonitorClient | undefined> {
  if (options.attach === undefined) return undefined
  const client = await connectMonitor(containers.runDirectory(container.id), options.attach)
  if (client === undefined) throw stopped(container)
  await client.ask({ op: 'attach' })
  return client
}

async function launch(
  containers: Containers,
  container: Container,
  options: StartOptions,
): Promise<MonitorClient | undefined> {
  return await onFreeSubnet(() => launchOnce(containers, container, options), options.signal)
}

async function launchOnce(
  containers: Containers,
  container: Container,
  options: StartOptions,
): Promise<MonitorClient | undefined> {
  const { id } = container
  const runDirectory = containers.runDirectory(id)
  mkdirSync(runDirectory, { recursive: true, mode: 0o700 })
  try {
    using shared = await sharedVolumes(containers, container, options.signal)
    const plan = await startPlan(containers, container, options.attach === undefined, shared)
    const monitor = containers.native.call('monitor', plan, { detached: true, signal: options.signal })
    if (options.attach !== undefined && container.spec.autoRemove) containers.native.prepare('remove')
    await monitor
    await tellLinking(containers, container)
    if (options.attach === undefined) {
      await recordTransitions(containers, container)
      return undefined
    }
    const client = await connectMonitor(runDirectory, options.attach)
    if (client === undefined) throw stopped(container)
    try {
      await Promise.all([client.ask({ op: 'attach' }), client.ask({ op: 'start' })])
      await recordTransitions(containers, container)
      return client
    } catch (error) {
      client[Symbol.dispose]()
      throw error
    }
  } catch (error) {
    await monitorGone(containers, id)
    containers.networks.release(id)
    throw explained(error)
  }
}

/** The core knows what failed; what to do about it is known here. */
function explained(error: unknown): unknown {
  if (!hasCode(error, 'PORT_TAKEN', 'EXEC_NOT_FOUND', 'EXEC_DENIED', 'USER_UNKNOWN') || error.hint !== undefined)
    return error
  return new TsbuildError(error.code, error.message, {
    hint: hints[error.code] ?? '',
    details: error.details,
    cause: error.cause,
  })
}

const hints: Readonly<Record<string, string>> = {
  PORT_TAKEN: 'Publish another port of the host (-p OTHER:PORT), or end what holds this one',
  EXEC_NOT_FOUND: 'Look for the command in the image, and at its PATH: "tsbuild image inspect" shows the configuration',
  EXEC_DENIED: 'The file must be a program or script, executable for the user of the container',
  USER_UNKNOWN: 'Give a number, or a name that is in /etc/passwd of the image',
}

async function startPlan(
  containers: Containers,
  container: Container,
  start: boolean,
  shared: SharedVolumes,
): Promise<Readonly<Record<string, unknown>>> {
  const { id, spec } = container
  const directory = containers.directory(id)
  const joined = await joinedContainers(containers, container)
  await checkLinks(containers, container)
  const pidOf = (word: string): number => joined.get(word)?.pid ?? 0
  const { mode } = spec.network
  const network =
    typeof mode === 'object'
      ? {
          plan: { mode: 'path', path: `/proc/${pidOf(mode.container)}/ns/net` } as const,
          etc: etcOf(containers.directory(containers.records.resolve(mode.container).id)),
        }
      : await containers.networks.join(container, directory, () => linkHosts(containers, container))
  // Another's namespaces belong to its own user namespace.
  const owner = typeof mode === 'object' && containers.rootless ? { idmap: { pid: pidOf(mode.container) } } : {}
  const plan = monitorPlan(container, {
    directory,
    runDirectory: containers.runDirectory(id),
    architecture: containers.platform.architecture,
    groupIds: containers.groupIds,
    cgroupParent: spec.cgroupParent ?? containers.cgroupParent(),
    rootfs: rootfsOf(containers, container),
    network: network.plan,
    etc: network.etc,
    mounts: await planMounts(container.mounts, containers.volumes, containers.snapshots.view, shared),
    runtime: runtimeChoice(spec.runtime, containers.runDirectory(id)),
    pidOf,
    linkVariables: linkVariables(containers, container),
    start,
  })
  const others = [...joined].map(([word, { pid }]) => {
    const other = containers.records.resolve(word)
    return { pid, dir: containers.directory(other.id), name: other.name }
  })
  return { ...plan, ...owner, ...(others.length === 0 ? {} : { joined: others }) }
}

/** A `--rm` container's layer need not reach the disk. */
function rootfsOf(containers: Containers, { snapshot, spec }: Container): Tree {
  if (snapshot === null) throw new Error('A container without a snapshot cannot start')
  const tree = containers.snapshots.containerTree(snapshot)
  return tree.kind === 'layers' ? { ...tree, volatile: spec.autoRemove } : tree
}

function etcOf(directory: string): { readonly hosts: string; readonly resolvConf: string; readonly hostname: string } {
  return {
    hosts: join(directory, 'hosts'),
    resolvConf: join(directory, 'resolv.conf'),
    hostname: join(directory, 'hostname'),
  }
}

/** States of the containers whose namespaces are joined; CONTAINER_STOPPED when one does not run, CONTAINER_CONFLICT when it keeps its IPC namespace to itself. */
async function joinedContainers(
  containers: Containers,
  { spec }: Container,
): Promise<ReadonlyMap<string, ContainerState>> {
  const { pid, ipc } = spec.namespaces
  const joined = new Map<string, ContainerState>()
  for (const mode of [spec.network.mode, pid, ipc]) {
    if (typeof mode !== 'object') continue
    const target = containers.records.resolve(mode.container)
    const settled = await settle(containers, target)
    if (settled === undefined || !isLive(settled.state)) throw stopped(target)
    if (mode === ipc && !isShareable(target)) throw notShareable(target)
    const state = readState(containers.directory(target.id))
    if (state.pid === 0) throw stopped(target) // about to be started again
    joined.set(mode.container, state)
  }
  return joined
}

function isShareable({ spec }: Container): boolean {
  return spec.namespaces.ipc !== 'own' && spec.namespaces.ipc !== 'none'
}

function notShareable({ name }: Container): TsbuildError {
  return new TsbuildError(
    'CONTAINER_CONFLICT',
    `failed to join IPC namespace: container ${name}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    { hint: `Make "${name}" with --ipc shareable` },
  )
}

function runtimeChoice(runtime: string | null, runDirectory: string): RuntimeChoice {
  if (runtime === null) return { kind: 'builtin' }
  return { kind: 'path', path: runtime, root: join(runDirectory, 'runtime') }
}

function stopped(container: Container): TsbuildError {
  return new TsbuildError('CONTAINER_STOPPED', `Container ${container.name} is not running`, {
    hint: `tsbuild start ${container.name}`,
  })
}
