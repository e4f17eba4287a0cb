import type { MountRequest } from '../../volume/mount-request.ts'
import { maskedPaths, readonlyPaths } from '../../runtime/default-mounts.ts'
import type { OciDeviceRule } from '../../runtime/runtime-spec.ts'
import type { Container } from '../container-records.ts'
import type { ContainerSecurity, ContainerSpec, PublishedPort } from '../container-spec.ts'

/** The `HostConfig` of docker's container inspect. */
export function hostConfig({ spec }: Container, links: readonly string[]): object {
  const { limits, log, namespaces, network, security } = spec
  return {
    Binds: emptyAsNull(spec.mounts.flatMap(bindText)),
    ContainerIDFile: '',
    LogConfig: { Type: log.driver, Config: log.options },
    NetworkMode: networkMode(network.mode, network.endpoints[0]?.network),
    PortBindings: portBindings(network.ports),
    RestartPolicy: { Name: spec.restart.policy, MaximumRetryCount: spec.restart.maxRetries },
    AutoRemove: spec.autoRemove,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [spec.consoleSize?.rows ?? 0, spec.consoleSize?.cols ?? 0],
    ...(Object.keys(spec.annotations).length === 0 ? {} : { Annotations: spec.annotations }),
    CapAdd: emptyAsNull(security.capAdd.map(capabilityText)),
    CapDrop: emptyAsNull(security.capDrop.map(capabilityText)),
    CgroupnsMode: namespaces.cgroup === 'own' ? 'private' : 'host',
    Dns: network.dns,
    DnsOptions: network.dnsOptions,
    DnsSearch: network.dnsSearch,
    ExtraHosts: emptyAsNull(network.extraHosts),
    GroupAdd: emptyAsNull(spec.process.groups),
    IpcMode: namespaceText(namespaces.ipc, 'private'),
    Cgroup: '',
    Links: emptyAsNull(links),
    OomScoreAdj: spec.oomScoreAdj ?? 0,
    PidMode: namespaceText(namespaces.pid, ''),
    Privileged: security.privileged,
    PublishAllPorts: network.publishAll,
    ReadonlyRootfs: security.readonlyRootfs,
    SecurityOpt: emptyAsNull(security.options),
    ...(Object.keys(spec.sysctls).length === 0 ? {} : { Sysctls: spec.sysctls }),
    ...tmpfsMember(spec.mounts),
    ...(spec.rootSize === undefined ? {} : { StorageOpt: { size: String(spec.rootSize) } }),
    UTSMode: namespaces.uts === 'host' ? 'host' : '',
    UsernsMode: '',
    ShmSize: spec.shmSize,
    Runtime: spec.runtime ?? 'tsbuild',
    Isolation: '',
    CpuShares: limits.cpuShares ?? 0,
    Memory: limits.memory ?? 0,
    NanoCpus: limits.nanoCpus ?? 0,
    CgroupParent: spec.cgroupParent ?? '',
    BlkioWeight: limits.blkioWeight ?? 0,
    BlkioWeightDevice: (limits.blkioWeightDevice ?? []).map(({ path, value }) => ({ Path: path, Weight: value })),
    BlkioDeviceReadBps: rates(limits.deviceReadBps),
    BlkioDeviceWriteBps: rates(limits.deviceWriteBps),
    BlkioDeviceReadIOps: rates(limits.deviceReadIops),
    BlkioDeviceWriteIOps: rates(limits.deviceWriteIops),
    CpuPeriod: limits.cpuPeriod ?? 0,
    CpuQuota: limits.cpuQuota ?? 0,
    CpuRealtimePeriod: limits.cpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: limits.cpuRealtimeRuntime ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    Devices: security.privileged
      ? []
      : spec.devices.map(({ path, hostPath, access }) => ({
          PathOnHost: hostPath ?? path,
          PathInContainer: path,
          CgroupPermissions: access,
        })),
    DeviceCgroupRules: emptyAsNull(spec.deviceRules.map(ruleText)),
    DeviceRequests: null,
    MemoryReservation: limits.memoryReservation ?? 0,
    MemorySwap: limits.memorySwap ?? (limits.memory === undefined ? 0 : 2 * limits.memory),
    MemorySwappiness: limits.memorySwappiness ?? null,
    OomKillDisable: limits.oomKillDisable ?? null,
    PidsLimit: limits.pids ?? null,
    Ulimits: spec.rlimits.map(({ type, soft, hard }) => ({
      Name: type.replace('RLIMIT_', '').toLowerCase(),
      Soft: soft,
      Hard: hard,
    })),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    Mounts: spec.mounts.flatMap(mountMember),
    ...systemPaths(security),
    ...(spec.init ? { Init: true } : {}),
  }
}

export function networkMode(mode: Container['spec']['network']['mode'], first: string | undefined): string {
  if (typeof mode === 'object') return `container:${mode.container}`
  return mode === 'bridge' ? (first ?? 'bridge') : mode
}

export function portBindings(ports: readonly PublishedPort[]): Readonly<Record<string, readonly object[]>> {
  const bindings: Record<string, object[]> = {}
  for (const { port, proto, hostIp, hostPort } of ports) {
    const key = `${port}/${proto}`
    bindings[key] = [...(bindings[key] ?? []), { HostIp: hostIp, HostPort: hostPort === 0 ? '' : String(hostPort) }]
  }
  return bindings
}

function namespaceText(mode: ContainerSpec['namespaces']['ipc'], own: string): string {
  if (typeof mode === 'object') return `container:${mode.container}`
  return mode === 'own' ? own : mode
}

/** docker lists under Binds what `-v` says and under Mounts what `--mount` says; a bind that may be created came by `-v`. */
function bindText(mount: MountRequest): readonly string[] {
  if (mount.kind === 'bind' && mount.create) {
    const options = [...(mount.readonly ? ['ro'] : []), ...(mount.propagation === undefined ? [] : [mount.propagation])]
    return [[mount.source, mount.target, ...(options.length === 0 ? [] : [options.join(',')])].join(':')]
  }
  if (mount.kind === 'volume' && mount.name !== null && mount.subpath === undefined) {
    return [`${mount.name}:${mount.target}${mount.readonly ? ':ro' : ''}`]
  }
  return []
}

function mountMember(mount: MountRequest): readonly object[] {
  const common = { Type: mount.kind, Target: mount.target }
  switch (mount.kind) {
    case 'bind':
      return mount.create ? [] : [{ ...common, Source: mount.source, ...(mount.readonly ? { ReadOnly: true } : {}) }]
    case 'volume':
      return mount.subpath === undefined
        ? []
        : [{ ...common, Source: mount.name ?? '', VolumeOptions: { Subpath: mount.subpath } }]
    case 'image':
      return [{ ...common, Source: mount.source }]
    case 'tmpfs':
      return []
  }
}

function tmpfsMember(mounts: readonly MountRequest[]): object {
  const tmpfs = mounts.filter((mount) => mount.kind === 'tmpfs')
  return tmpfs.length === 0
    ? {}
    : { Tmpfs: Object.fromEntries(tmpfs.map(({ target, options }) => [target, options.join(',')])) }
}

function rates(values: readonly { readonly path: string; readonly value: number }[] | undefined): readonly object[] {
  return (values ?? []).map(({ path, value }) => ({ Path: path, Rate: value }))
}

/** docker shows every capability by its full name. */
function capabilityText(name: string): string {
  const upper = name.toUpperCase()
  return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`
}

function ruleText({ type = 'a', major, minor, access }: OciDeviceRule): string {
  return `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`
}

function systemPaths(security: ContainerSecurity): object {
  if (security.privileged) return { MaskedPaths: null, ReadonlyPaths: null }
  const open = security.systemPathsUnconfined
  return { MaskedPaths: open ? [] : maskedPaths, ReadonlyPaths: open ? [] : readonlyPaths }
}

function emptyAsNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list
}
