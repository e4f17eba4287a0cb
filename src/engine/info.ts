import { readFile } from 'node:fs/promises'
import { cpus, hostname, machine, release, totalmem } from 'node:os'
import { version } from '../base/version.ts'
import { settleAll } from '../container/settle.ts'
import { probeHost } from '../host/probe.ts'
import { formatPlatform } from '../oci/platform.ts'
import type { Engine } from './engine.ts'

/** The members of docker's `info` that have a meaning without a daemon, under docker's names. */
export interface Info {
  readonly ServerVersion: string
  readonly Containers: number
  readonly ContainersRunning: number
  readonly ContainersPaused: number
  readonly ContainersStopped: number
  readonly Images: number
  readonly Driver: string
  readonly LoggingDriver: string
  readonly Plugins: Readonly<Record<'Volume' | 'Network' | 'Log', readonly string[]>>
  readonly CgroupDriver: string
  /** `1` or `2` as docker has it, `hybrid` for version 1 with a version 2 tree beside it. */
  readonly CgroupVersion: string
  readonly CgroupControllers: readonly string[]
  readonly KernelVersion: string
  readonly OperatingSystem: string
  readonly OSType: string
  readonly Architecture: string
  readonly NCPU: number
  readonly MemTotal: number
  readonly Name: string
  readonly DockerRootDir: string
  readonly Runtimes: Readonly<Record<string, object>>
  readonly DefaultRuntime: string
  readonly SecurityOptions: readonly string[]
  readonly IndexServerAddress: string
  readonly Experimental: boolean
  readonly Rootless: boolean
  readonly Platform: string
  readonly RegistryConfig: {
    readonly Mirrors: Readonly<Record<string, readonly string[]>>
    readonly InsecureRegistries: readonly string[]
    readonly Blocked: readonly string[]
  }
}

/** The store, the machine and what the registries are set to. */
export async function info(engine: Engine, signal: AbortSignal): Promise<Info> {
  const { settings, containers, imageRecords, native, snapshots } = engine
  const [registries, settled, facts, system] = await Promise.all([
    settings.registries(),
    settleAll(containers),
    probeHost(native, signal),
    operatingSystem(),
  ])
  const ready = settled.filter(({ container }) => container.stage === 'ready').map(({ state }) => state.status)
  const running = ready.filter((status) => status === 'running' || status === 'restarting').length
  const paused = ready.filter((status) => status === 'paused').length
  const rules = Object.entries(registries.rules)
  const mirrors = rules.flatMap(([host, { mirrors: list = [] }]) =>
    list.length === 0 ? [] : [[host, list.map(({ location }) => location)] as const],
  )
  return {
    ServerVersion: version,
    Containers: ready.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: ready.length - running - paused,
    Images: new Set(imageRecords.images().map(({ id }) => id)).size,
    Driver: snapshots.driver,
    LoggingDriver: 'json-file',
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Log: ['journald', 'json-file', 'local', 'none'],
    },
    CgroupDriver: 'cgroupfs',
    CgroupVersion: facts.cgroup.version,
    CgroupControllers: facts.cgroup.controllers,
    KernelVersion: release(),
    OperatingSystem: system,
    OSType: 'linux',
    Architecture: machine(),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    Name: hostname(),
    DockerRootDir: settings.root,
    Runtimes: { tsbuild: { path: settings.corePath } },
    DefaultRuntime: 'tsbuild',
    SecurityOptions: ['name=seccomp,profile=builtin', ...(settings.rootless ? ['name=rootless'] : [])],
    IndexServerAddress: 'https://index.docker.io/v1/',
    Experimental: false,
    Rootless: settings.rootless,
    Platform: formatPlatform(settings.platform),
    RegistryConfig: {
      Mirrors: Object.fromEntries(mirrors),
      InsecureRegistries: [
        ...registries.insecure,
        ...rules.flatMap(([host, { insecure, location }]) => (insecure === true ? [location ?? host] : [])),
      ],
      Blocked: rules.flatMap(([host, { blocked }]) => (blocked === true ? [host] : [])),
    },
  }
}

async function operatingSystem(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? 'Linux'
}
