import { join } from 'node:path'
import type { Tree } from '../host/native.ts'
import { signalNumber } from '../base/signals.ts'
import type { NetworkPlan } from '../network/network-plan.ts'
import { runtimeConfig } from '../runtime/runtime-config.ts'
import type { NamespaceChoice, SecuritySpec } from '../runtime/runtime-config.ts'
import { etcMounts, plannedTrees } from '../runtime/sandbox.ts'
import type { EtcFiles, RuntimeChoice, TreeMount } from '../runtime/sandbox.ts'
import type { Container } from './container-records.ts'
import { argsOf } from './container-spec.ts'
import { logAttributes } from './log-attributes.ts'
import { journalFields, journalSocket } from './journal-fields.ts'
import type { ContainerSecurity, ContainerSpec, NamespaceMode } from './container-spec.ts'
import type { PlannedMounts } from './mount-points.ts'

/** Everything that a start decides anew: it is looked up each time and not part of the record. */
export interface StartFacts {
  readonly directory: string
  readonly runDirectory: string
  readonly architecture: string
  readonly groupIds: number
  readonly cgroupParent: string | undefined
  readonly rootfs: Tree
  readonly network: NetworkPlan
  readonly etc: EtcFiles
  readonly mounts: PlannedMounts
  readonly runtime: RuntimeChoice
  /** Pid of the init process of each container whose namespaces are joined. */
  readonly pidOf: (container: string) => number
  /** Of containers that it is linked to. */
  readonly linkVariables: readonly string[]
  /** False: the process waits until a client asks for the start. */
  readonly start: boolean
}

export const logFile = 'container.log'

/** Seconds between the stop signal and SIGKILL where nobody asks for others. */
export const defaultStopTimeout = 10

/** Of a grace in seconds; one below 0 never ends. */
export function milliseconds(grace: number): number {
  return grace < 0 ? -1 : grace * 1000
}

/** The `monitor` plan of one start. Pure. */
export function monitorPlan(container: Container, facts: StartFacts): Readonly<Record<string, unknown>> {
  const { spec } = container
  const program = spec.process
  const etc = etcMounts(facts.etc).filter((mount) => !container.mounts.some(({ target }) => target === mount.target))
  const config = runtimeConfig({
    id: container.id,
    architecture: facts.architecture,
    groupIds: facts.groupIds,
    process: {
      args: argsOf(program),
      env: processEnv(spec, facts.linkVariables),
      cwd: program.workdir,
      user: program.user,
      tty: program.tty,
    },
    network: facts.network.mode,
    ...(facts.network.mode === 'path' ? { networkPath: facts.network.path } : {}),
    hostname: spec.hostname,
    domainname: spec.domainname,
    readonlyRootfs: spec.security.readonlyRootfs,
    mounts: [...etc, ...facts.mounts.mounts],
    security: securityOf(spec.security),
    pid: namespaceOf(spec.namespaces.pid, 'pid', facts),
    ipc: ipcOf(spec.namespaces.ipc, facts),
    uts: spec.namespaces.uts,
    cgroupns: spec.namespaces.cgroup,
    limits: spec.limits,
    rlimits: spec.rlimits,
    devices: spec.devices,
    deviceRules: spec.deviceRules,
    sysctls: spec.sysctls,
    shmSize: spec.shmSize,
    annotations: spec.annotations,
    ...(spec.oomScoreAdj === null ? {} : { oomScoreAdj: spec.oomScoreAdj }),
    ...(facts.cgroupParent === undefined ? {} : { cgroupParent: facts.cgroupParent }),
    ...(spec.consoleSize === null ? {} : { consoleSize: spec.consoleSize }),
  })
  return {
    id: container.id,
    name: container.name,
    dir: facts.directory,
    runDir: facts.runDirectory,
    rootfs: facts.rootfs,
    config,
    user: { name: program.user, groups: program.groups },
    network: facts.network,
    trees: plannedTrees([...facts.mounts.trees, ...sharedMemory(container, facts)], config.mounts),
    runtime: facts.runtime,
    tty: program.tty,
    stdin: program.stdin,
    log: logPlan(container, facts.directory),
    restart: spec.restart,
    stop: {
      signal: signalNumber(spec.stopSignal ?? 'SIGTERM'),
      timeoutMs: milliseconds(spec.stopTimeout ?? defaultStopTimeout),
    },
    health: healthOf(spec),
    init: spec.init,
    start: facts.start,
  }
}

function logPlan(container: Container, directory: string): Readonly<Record<string, unknown>> {
  const { driver, maxSize, maxFiles, compress = false } = container.spec.log
  if (driver === 'journald') return { driver, path: journalSocket, fields: journalFields(container) }
  const attributes = logAttributes(container)
  return {
    driver,
    path: join(directory, logFile),
    maxSize,
    maxFiles,
    compress,
    ...(attributes === undefined ? {} : { attrs: JSON.stringify(attributes) }),
  }
}

/** HOSTNAME and TERM as docker sets them; what the user says wins. HOME comes from the core, which knows the passwd. */
export function processEnv(spec: ContainerSpec, linkVariables: readonly string[]): readonly string[] {
  const own = [`HOSTNAME=${spec.hostname}`, ...(spec.process.tty ? ['TERM=xterm'] : []), ...linkVariables]
  const names = new Set(spec.process.env.map(nameOf))
  const path = spec.process.env.filter((entry) => nameOf(entry) === 'PATH')
  const others = spec.process.env.filter((entry) => nameOf(entry) !== 'PATH')
  return [...path, ...own.filter((entry) => !names.has(nameOf(entry))), ...others]
}

function nameOf(entry: string): string {
  return entry.slice(0, entry.indexOf('='))
}

export function securityOf(security: ContainerSecurity): SecuritySpec {
  return {
    privileged: security.privileged,
    add: security.capAdd,
    drop: security.capDrop,
    noNewPrivileges: security.noNewPrivileges,
    systemPathsUnconfined: security.systemPathsUnconfined,
    ...(security.seccomp === null ? {} : { seccomp: security.seccomp }),
    ...(security.apparmor === null ? {} : { apparmor: security.apparmor }),
  }
}

function namespaceOf(mode: NamespaceMode, file: 'pid' | 'ipc', facts: StartFacts): NamespaceChoice {
  return typeof mode === 'string' ? mode : { path: `/proc/${facts.pidOf(mode.container)}/ns/${file}` }
}

function ipcOf(mode: ContainerSpec['namespaces']['ipc'], facts: StartFacts): NamespaceChoice | 'none' {
  if (mode === 'none') return 'none'
  return mode === 'shareable' ? 'own' : namespaceOf(mode, 'ipc', facts)
}

/** POSIX shared memory is a file system, which the joined IPC namespace alone would not bring. */
function sharedMemory({ spec, mounts }: Container, facts: StartFacts): readonly TreeMount[] {
  const { ipc } = spec.namespaces
  const target = '/dev/shm'
  if (typeof ipc !== 'object' || mounts.some((mount) => mount.target === target)) return []
  return [
    { tree: { kind: 'shared', pid: facts.pidOf(ipc.container), path: target }, source: '/', target, readonly: false },
  ]
}

const second = 1_000_000_000
const healthDefaults = {
  interval: 30 * second,
  timeout: 30 * second,
  startPeriod: 0,
  startInterval: 5 * second,
  retries: 3,
} as const

/** docker's defaults where the check names no value; durations in milliseconds. */
function healthOf(spec: ContainerSpec): Readonly<Record<string, unknown>> | null {
  const check = spec.healthcheck
  const [how, ...rest] = check?.Test ?? []
  if (check === null || how === undefined || rest.length === 0) return null
  const ms = (nanoseconds: number | undefined, otherwise: number): number =>
    Math.round((nanoseconds || otherwise) / 1e6)
  return {
    args: how === 'CMD-SHELL' ? ['/bin/sh', '-c', rest.join(' ')] : rest,
    intervalMs: ms(check.Interval, healthDefaults.interval),
    timeoutMs: ms(check.Timeout, healthDefaults.timeout),
    startPeriodMs: ms(check.StartPeriod, healthDefaults.startPeriod),
    startIntervalMs: ms(check.StartInterval, healthDefaults.startInterval),
    retries: check.Retries || healthDefaults.retries,
    onFailure: spec.healthOnFailure,
  }
}
