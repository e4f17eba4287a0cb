import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { cpus, hostname, machine, release, totalmem } from 'node:os'
import { version } from '../base/version.ts'
import { settleAll } from '../container/settle.ts'
import { delegatedCgroup } from '../host/delegated-cgroup.ts'
import { probeHost } from '../host/probe.ts'
import type { HostFacts } from '../host/probe.ts'
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
  readonly DriverStatus: readonly (readonly [string, string])[]
  readonly LoggingDriver: string
  readonly Plugins: Readonly<Record<'Volume' | 'Network' | 'Log', readonly string[]>>
  readonly CgroupDriver: string
  /** `1` or `2` as docker says it; version 1 with a version 2 tree beside it is 1. */
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
  readonly ID: string
  readonly Debug: boolean
  readonly Labels: readonly string[]
  readonly LiveRestoreEnabled: boolean
  readonly IPv4Forwarding: boolean
  readonly SystemTime: string
  readonly InitBinary: string
  readonly HttpProxy: string
  readonly HttpsProxy: string
  readonly NoProxy: string
  readonly Warnings: readonly string[] | null
  readonly Swarm: { readonly LocalNodeState: 'inactive'; readonly ControlAvailable: false; readonly NodeID: '' }
  readonly ClientInfo: { readonly Version: string; readonly Context: string; readonly Debug: boolean }
  /** What the cgroup controllers that are here can bound. */
  readonly MemoryLimit: boolean
  readonly SwapLimit: boolean
  readonly CpuCfsPeriod: boolean
  readonly CpuCfsQuota: boolean
  readonly CPUShares: boolean
  readonly CPUSet: boolean
  readonly PidsLimit: boolean
  readonly OomKillDisable: boolean
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
    DriverStatus: [],
    LoggingDriver: 'json-file',
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Log: ['journald', 'json-file', 'local', 'none'],
    },
    CgroupDriver: 'cgroupfs',
    CgroupVersion: facts.cgroup.version === 'v2' ? '2' : '1',
    CgroupControllers: settings.rootless ? (delegatedCgroup()?.controllers ?? []) : facts.cgroup.controllers,
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
    ID: await machineId(),
    Debug: false,
    Labels: [],
    LiveRestoreEnabled: false,
    IPv4Forwarding: (await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8').catch(() => '')).trim() === '1',
    SystemTime: new Date().toISOString(),
    InitBinary: 'tsbuild-core',
    HttpProxy: settings.env('HTTP_PROXY') ?? settings.env('http_proxy') ?? '',
    HttpsProxy: settings.env('HTTPS_PROXY') ?? settings.env('https_proxy') ?? '',
    NoProxy: settings.env('NO_PROXY') ?? settings.env('no_proxy') ?? '',
    Warnings: null,
    Swarm: { LocalNodeState: 'inactive', ControlAvailable: false, NodeID: '' },
    ClientInfo: { Version: version, Context: 'default', Debug: false },
    ...boundsOf(facts.cgroup),
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

function boundsOf({ version: cgroup, controllers }: HostFacts['cgroup']) {
  const has = (name: string): boolean => controllers.includes(name)
  return {
    MemoryLimit: has('memory'),
    SwapLimit: has('memory'),
    CpuCfsPeriod: has('cpu'),
    CpuCfsQuota: has('cpu'),
    CPUShares: has('cpu'),
    CPUSet: has('cpuset'),
    PidsLimit: has('pids'),
    OomKillDisable: has('memory') && cgroup !== 'v2',
  }
}

/** Of the machine, in the shape of docker's id of a daemon; the machine's own id is nothing to show. */
async function machineId(): Promise<string> {
  const own = await readFile('/etc/machine-id', 'utf8').catch(() => hostname())
  const text = createHash('sha256').update(`tsbuild ${own.trim()}`).digest('hex').slice(0, 32)
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

async function operatingSystem(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? 'Linux'
}
