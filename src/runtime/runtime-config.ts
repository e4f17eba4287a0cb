import { capabilitySet } from './capabilities.ts'
import type { CapabilityChoice } from './capabilities.ts'
import { defaultMounts, defaultShmSize, maskedPaths, readonlyPaths } from './default-mounts.ts'
import { allDevices, baseDeviceRules, deviceRule, ociDevice } from './devices.ts'
import type { DeviceSpec } from './devices.ts'
import { ociMount, sortByDepth } from './mount-spec.ts'
import type { MountSpec } from './mount-spec.ts'
import type { NetworkPlan } from '../network/network-plan.ts'
import { ociResources } from './resources.ts'
import type { Limits } from './resources.ts'
import type { OciDeviceRule, OciMount, OciNamespace, OciRlimit, OciSeccomp, RuntimeConfig } from './runtime-spec.ts'
import type { ProcessSpec } from './sandbox.ts'
import { seccompProfile } from './seccomp-profile.ts'

/** `own` is a new one, `host` the host's, else the one of the process whose namespace file is named. */
export type NamespaceChoice = 'own' | 'host' | { readonly path: string }

export interface SecuritySpec extends CapabilityChoice {
  /** Absent: docker's default filter. */
  readonly seccomp?: 'unconfined' | OciSeccomp
  readonly apparmor?: string
  readonly selinuxLabel?: string
  readonly noNewPrivileges?: boolean
  /** Shows what is masked and leaves writable what is read-only by default (`--security-opt systempaths=unconfined`). */
  readonly systemPathsUnconfined?: boolean
}

/** Everything that decides an OCI runtime configuration. Absent members are docker's defaults. */
export interface RuntimeSpec {
  /** Names the cgroup. */
  readonly id: string
  readonly process: ProcessSpec
  /** GOARCH of the kernel, for the system call filter. */
  readonly architecture: string
  /** So many group ids, from 0 on, exist in the user namespace that it runs in. Default: all. */
  readonly groupIds?: number
  readonly network: NetworkPlan['mode']
  /** Only for network mode `path`. */
  readonly networkPath?: string
  readonly hostname?: string
  readonly domainname?: string
  readonly readonlyRootfs?: boolean
  readonly mounts?: readonly MountSpec[]
  readonly security?: SecuritySpec
  readonly pid?: NamespaceChoice
  readonly ipc?: NamespaceChoice | 'none'
  readonly uts?: 'own' | 'host'
  readonly cgroupns?: 'own' | 'host'
  readonly limits?: Limits
  readonly rlimits?: readonly OciRlimit[]
  readonly devices?: readonly DeviceSpec[]
  readonly deviceRules?: readonly OciDeviceRule[]
  readonly sysctls?: Readonly<Record<string, string>>
  readonly oomScoreAdj?: number
  /** Bytes of /dev/shm. */
  readonly shmSize?: number
  readonly cgroupParent?: string
  readonly consoleSize?: { readonly rows: number; readonly cols: number }
  readonly annotations?: Readonly<Record<string, string>>
  readonly isolation?: Isolation
}

/**
 * `chroot` is for places where nothing can be mounted and no namespace made: the process has a root directory, a user and capabilities of its own, and shares everything
 * else with us.
 */
export type Isolation = 'chroot'

/** Pure: the same spec gives the same configuration. USAGE for capabilities that do not exist. */
export function runtimeConfig(spec: RuntimeSpec): RuntimeConfig {
  return spec.isolation === 'chroot' ? chrootConfig(spec) : isolatedConfig(spec)
}

/** A filter of system calls cannot be loaded without CAP_SYS_ADMIN; limits need a cgroup. */
function chrootConfig(spec: RuntimeSpec): RuntimeConfig {
  const security = spec.security ?? {}
  const capabilities = capabilitySet(security)
  return {
    ociVersion: '1.2.0',
    process: {
      ...processOf(spec.process, spec.consoleSize),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      ...(spec.rlimits === undefined || spec.rlimits.length === 0 ? {} : { rlimits: spec.rlimits }),
      noNewPrivileges: security.noNewPrivileges === true,
    },
    mounts: [],
    linux: { namespaces: [], maskedPaths: [], readonlyPaths: [] },
  }
}

function isolatedConfig(spec: RuntimeSpec): RuntimeConfig {
  const security = spec.security ?? {}
  const privileged = security.privileged === true
  const open = privileged || security.systemPathsUnconfined === true
  const capabilities = capabilitySet(security)
  const seccomp = privileged ? 'unconfined' : (security.seccomp ?? seccompProfile(spec.architecture, capabilities))
  const rules = privileged
    ? allDevices
    : [...baseDeviceRules, ...(spec.devices ?? []).map(deviceRule), ...(spec.deviceRules ?? [])]
  const sysctl = { ...defaultSysctls(spec), ...spec.sysctls }
  return {
    ociVersion: '1.2.0',
    ...(spec.uts === 'host' || spec.hostname === undefined ? {} : { hostname: spec.hostname }),
    ...(spec.uts === 'host' || !spec.domainname ? {} : { domainname: spec.domainname }),
    ...(spec.readonlyRootfs === true ? { root: { readonly: true } } : {}),
    process: {
      ...processOf(spec.process, spec.consoleSize),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      ...(spec.rlimits === undefined || spec.rlimits.length === 0 ? {} : { rlimits: spec.rlimits }),
      noNewPrivileges: security.noNewPrivileges === true,
      ...(security.apparmor === undefined || privileged ? {} : { apparmorProfile: security.apparmor }),
      ...(security.selinuxLabel === undefined ? {} : { selinuxLabel: security.selinuxLabel }),
      ...(spec.oomScoreAdj === undefined ? {} : { oomScoreAdj: spec.oomScoreAdj }),
    },
    mounts: allMounts(spec, privileged),
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    linux: {
      namespaces: namespaces(spec),
      cgroupsPath: cgroupPath(spec),
      ...(spec.devices === undefined || spec.devices.length === 0 ? {} : { devices: spec.devices.map(ociDevice) }),
      resources: ociResources(spec.limits ?? {}, rules),
      ...(Object.keys(sysctl).length === 0 ? {} : { sysctl }),
      ...(seccomp === 'unconfined' ? {} : { seccomp }),
      maskedPaths: open ? [] : maskedPaths,
      readonlyPaths: open ? [] : readonlyPaths,
    },
  }
}

/** The part of an OCI process that a `ProcessSpec` decides; user and groups are resolved by the core inside the root. */
export function processOf(
  spec: ProcessSpec,
  consoleSize?: { readonly rows: number; readonly cols: number },
): Pick<RuntimeConfig['process'], 'terminal' | 'consoleSize' | 'user' | 'args' | 'env' | 'cwd'> {
  return {
    terminal: spec.tty === true,
    ...(consoleSize === undefined ? {} : { consoleSize: { height: consoleSize.rows, width: consoleSize.cols } }),
    user: { uid: 0, gid: 0 },
    args: spec.args,
    env: spec.env,
    cwd: spec.cwd === '' ? '/' : spec.cwd,
  }
}

/** A mount that the caller names at the place of a default one replaces it; one on /dev replaces all below it. */
function allMounts(spec: RuntimeSpec, privileged: boolean): readonly OciMount[] {
  const asked = sortByDepth(spec.mounts ?? [])
  const targets = new Set(asked.map((mount) => mount.target))
  const ipc = spec.ipc === 'none' ? 'none' : spec.ipc === undefined || spec.ipc === 'own' ? 'own' : 'shared'
  const base = defaultMounts({
    shmSize: spec.shmSize ?? defaultShmSize,
    writableSystem: privileged,
    ipc,
    ttyGroup: (spec.groupIds ?? allGroups) > ttyGroup ? ttyGroup : undefined,
  })
  const kept = base.filter(
    ({ destination }) => !targets.has(destination) && !(targets.has('/dev') && destination.startsWith('/dev/')),
  )
  const shm: OciMount[] =
    spec.ipc === 'host' && !targets.has('/dev/shm')
      ? [{ destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind', 'rprivate'] }]
      : []
  return [...kept, ...shm, ...asked.map(ociMount)]
}

function namespaces(spec: RuntimeSpec): readonly OciNamespace[] {
  const wanted: readonly (OciNamespace | null)[] = [
    { type: 'mount' },
    choice('pid', spec.pid),
    choice('ipc', spec.ipc === 'none' ? 'own' : spec.ipc),
    choice('uts', spec.uts),
    choice('cgroup', spec.cgroupns),
    choice(
      'network',
      spec.network === 'host' ? 'host' : spec.networkPath === undefined ? 'own' : { path: spec.networkPath },
    ),
  ]
  return wanted.filter((namespace) => namespace !== null)
}

function choice(type: OciNamespace['type'], wanted: NamespaceChoice | undefined): OciNamespace | null {
  if (wanted === 'host') return null
  return typeof wanted === 'object' ? { type, path: wanted.path } : { type }
}

/** Lets any user of a container with a network of its own ping and bind low ports, as dockerd does since 20.10. */
function defaultSysctls(spec: RuntimeSpec): Readonly<Record<string, string>> {
  if (spec.network === 'host' || spec.network === 'path') return {}
  const last = Math.min((spec.groupIds ?? allGroups) - 1, lastGroup)
  return { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': `0 ${last}` }
}

/** The greatest that the kernel takes in `ping_group_range`; it refuses groups that the user namespace does not have. */
const lastGroup = 2 ** 31 - 1
/** Of a machine without a user namespace. */
const allGroups = 2 ** 32 - 1
/** Debian's and docker's group `tty`. */
const ttyGroup = 5

/** Below the root of each cgroup hierarchy. */
export function cgroupPath(spec: Pick<RuntimeSpec, 'id' | 'cgroupParent'>): string {
  const parent = (spec.cgroupParent ?? '/tsbuild').replace(/\/+$/, '')
  return `${parent.startsWith('/') ? '' : '/'}${parent}/${spec.id}`
}
