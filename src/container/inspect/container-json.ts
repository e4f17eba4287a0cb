import { join } from 'node:path'
import type { JoinedEndpoint } from '../container-networks.ts'
import type { Container } from '../container-records.ts'
import { argsOf } from '../container-spec.ts'
import type { PublishedPort } from '../container-spec.ts'
import type { ContainerState } from '../container-state.ts'
import type { MountPoint } from '../mount-point.ts'
import { logFile } from '../monitor-plan.ts'
import { containerConfig } from './container-config.ts'
import { hostConfig, networkMode, portBindings } from './host-config.ts'

/** What inspect shows beyond record and state. */
export interface InspectFacts {
  readonly directory: string
  readonly endpoints: readonly JoinedEndpoint[]
  /** With the host ports that are really bound. */
  readonly ports: readonly PublishedPort[]
  readonly networkNamespace: string
  readonly sizes?: { readonly rw: number; readonly rootFs: number }
}

/** The Go zero time, which docker shows for what has not happened. */
const never = '0001-01-01T00:00:00Z'

/** A container in the shape of docker's `GET /containers/{id}/json`. */
export function containerJson(container: Container, state: ContainerState, facts: InspectFacts): object {
  const { id, name, spec } = container
  const [path = '', ...args] = argsOf(spec.process)
  return {
    Id: id,
    Created: new Date(container.createdAt).toISOString(),
    Path: path,
    Args: args,
    State: stateJson(state),
    Image: spec.image.id,
    ResolvConfPath: join(facts.directory, 'resolv.conf'),
    HostnamePath: join(facts.directory, 'hostname'),
    HostsPath: join(facts.directory, 'hosts'),
    LogPath: spec.log.driver === 'none' ? '' : join(facts.directory, logFile),
    Name: `/${name}`,
    RestartCount: state.restartCount,
    Driver: 'overlayfs',
    Platform: spec.image.platform.os,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: spec.security.apparmor ?? '',
    ExecIDs: null,
    HostConfig: hostConfig(container),
    GraphDriver: { Data: null, Name: 'overlayfs' },
    ...(facts.sizes === undefined ? {} : { SizeRw: facts.sizes.rw, SizeRootFs: facts.sizes.rootFs }),
    Mounts: container.mounts.filter((mount) => mount.kind !== 'tmpfs').map(mountJson),
    Config: containerConfig(container),
    NetworkSettings: networkSettings(container, facts),
  }
}

export function stateJson(state: ContainerState): object {
  const { status, health } = state
  return {
    Status: status,
    Running: status === 'running' || status === 'paused' || status === 'restarting',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: false,
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt ?? never,
    FinishedAt: state.finishedAt ?? never,
    ...(health === null
      ? {}
      : {
          Health: {
            Status: health.status,
            FailingStreak: health.failingStreak,
            Log: health.log.map((probe) => ({
              Start: probe.start,
              End: probe.end,
              ExitCode: probe.exitCode,
              Output: probe.output,
            })),
          },
        }),
  }
}

export function mountJson(mount: MountPoint): object {
  return {
    Type: mount.kind,
    ...(mount.name === '' ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.target,
    ...(mount.kind === 'volume' ? { Driver: 'local' } : {}),
    Mode: mount.readonly ? 'ro' : '',
    RW: !mount.readonly,
    Propagation: mount.propagation,
  }
}

function networkSettings({ spec }: Container, { endpoints, ports, networkNamespace }: InspectFacts): object {
  const first = endpoints.find(({ network }) => network === 'bridge')
  const mode = networkMode(spec.network.mode, spec.network.endpoints[0]?.network)
  const shown =
    endpoints.length > 0 || spec.network.mode === 'bridge'
      ? endpointsJson(endpoints, spec.network.endpoints)
      : { [mode]: endpointJson() }
  return {
    Bridge: '',
    SandboxID: networkNamespace === '' ? '' : spec.hostname,
    SandboxKey: networkNamespace,
    Ports: portsJson(spec.exposed, ports),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: first?.endpointId ?? '',
    Gateway: first?.gateway ?? '',
    GlobalIPv6Address: first?.address6 ?? '',
    GlobalIPv6PrefixLen: first?.prefixLength6 ?? 0,
    IPAddress: first?.address ?? '',
    IPPrefixLen: first?.prefixLength ?? 0,
    IPv6Gateway: '',
    MacAddress: first?.mac ?? '',
    Networks: typeof spec.network.mode === 'object' ? {} : shown,
  }
}

function endpointsJson(
  endpoints: readonly JoinedEndpoint[],
  requested: Container['spec']['network']['endpoints'],
): Readonly<Record<string, object>> {
  const idle = requested.map(({ network }) => [network, endpointJson()] as const)
  return Object.fromEntries([
    ...idle,
    ...endpoints.map((endpoint) => [endpoint.network, endpointJson(endpoint)] as const),
  ])
}

export function endpointJson(endpoint?: JoinedEndpoint): object {
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: endpoint === undefined || endpoint.aliases.length === 0 ? null : endpoint.aliases,
    MacAddress: endpoint?.mac ?? '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: endpoint?.networkId ?? '',
    EndpointID: endpoint?.endpointId ?? '',
    Gateway: endpoint?.gateway ?? '',
    IPAddress: endpoint?.address ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.gateway6 ?? '',
    GlobalIPv6Address: endpoint?.address6 ?? '',
    GlobalIPv6PrefixLen: endpoint?.prefixLength6 ?? 0,
    DNSNames: endpoint === undefined ? null : endpoint.dnsNames,
  }
}

/** Exposed ports without a binding are null, as docker shows them. */
function portsJson(exposed: readonly string[], ports: readonly PublishedPort[]): object {
  return { ...Object.fromEntries(exposed.map((word) => [word, null])), ...portBindings(ports) }
}
