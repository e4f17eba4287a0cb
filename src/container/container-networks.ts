import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import type { NativeCore } from '../host/native.ts'
import { bridgeOptions } from '../network/bridge-options.ts'
import type { HostsEntry } from '../network/etc-files.ts'
import { gatewayOf, interfacePlan } from '../network/network-plan.ts'
import type { JoinedNetwork as JoinedPlan, NetworkPlan } from '../network/network-plan.ts'
import type { Endpoint, Network } from '../network/network-records.ts'
import type { EndpointWish, NetworkService } from '../network/network-service.ts'
import type { EtcFiles } from '../runtime/sandbox.ts'
import { isNamed, resolverOf, writeEtc } from './container-etc.ts'
import { shortId } from './container-id.ts'
import { boundPorts, portPlans, portsFile, readPorts } from './container-ports.ts'
import type { PortTarget } from './container-ports.ts'
import type { Container } from './container-records.ts'
import type { EndpointRequest, PublishedPort } from './container-spec.ts'

/** What a start gets from the networks that a container joins. */
export interface JoinedNetwork {
  readonly plan: NetworkPlan
  readonly etc: EtcFiles
}

/** Where the containers are that it is linked to, asked once its own addresses are known. */
type Linked = () => readonly HostsEntry[]

/** The network side of a container's life. */
export interface ContainerNetworks {
  readonly service: NetworkService
  /** Checks that the networks exist that the container asks for. NETWORK_NOT_FOUND, USAGE for an alias in the default network. */
  check(container: Pick<Container, 'spec'>): void
  /** Reserves addresses and ports and writes hosts, resolv.conf and hostname into `directory`. ADDRESS_TAKEN, PORT_TAKEN, NETWORK_*. */
  join(container: Container, directory: string, linked: Linked): Promise<JoinedNetwork>
  /** The plan of a container that runs, with what its records say now; its files in /etc are brought up to date. */
  refresh(container: Container, directory: string, linked: Linked): NetworkPlan
  /** Sees to it that somebody holds the network namespace in which a running container's bridges are. */
  hold(container: Container): Promise<void>
  /** Whether a container that runs can get and lose networks. */
  canChange(container: Container): boolean
  /** Gives the addresses back; nothing happens when there are none. */
  release(container: string): void
  /** Directory of the network namespace in which an unprivileged user has bridges; undefined for root. */
  readonly shared: string | undefined
  endpoints(container: string): readonly JoinedEndpoint[]
  /** Where its networks keep the names of their members. */
  nameDirectories(container: string): readonly string[]
  /** Published ports with the host ports that were chosen at the last start. */
  ports(directory: string): readonly PublishedPort[]
}

/** A running container's place in one network. */
export interface JoinedEndpoint {
  readonly network: Network
  readonly endpoint: Endpoint
}

export interface NetworkPlace {
  readonly runRoot: string
  /**
   * Of an unprivileged user: a program (pasta) carries the host's network into each container, or, where bridges are asked for, into a namespace in which all of its containers
   * have them.
   */
  readonly shared: string | undefined
}

export function containerNetworks(
  service: NetworkService,
  native: NativeCore,
  { runRoot, shared }: NetworkPlace,
): ContainerNetworks {
  const { records } = service

  function hasBridges({ spec }: Pick<Container, 'spec'>): boolean {
    const { mode, endpoints } = spec.network
    return mode === 'bridge' && (shared === undefined || endpoints.some(({ network }) => isNamed(service.get(network))))
  }

  /** A container that runs stays where it was started, whatever it was taken out of since. */
  function isShared({ id }: Container, joined: readonly JoinedPlan[]): boolean {
    return shared !== undefined && (joined.length > 0 || existsSync(join(shared, 'members', id)))
  }

  function joinedPlans(owner: string): readonly JoinedPlan[] {
    const joined = records.endpointsOf(owner).map((endpoint) => ({ endpoint, network: service.get(endpoint.network) }))
    return joined.map(({ network, endpoint }) => {
      const named = isNamed(network) ? { namesDirectory: join(runRoot, 'networks', network.id) } : {}
      const defaults = families.filter((family) => wayOut(joined, family) === endpoint)
      return { network, endpoint, defaults, ...named }
    })
  }

  function planOf(container: Container, directory: string): NetworkPlan {
    const { mode } = container.spec.network
    if (mode === 'host' || mode === 'none') return { mode }
    const joined = joinedPlans(container.id)
    const { upstream } = resolverOf(container.spec.network, joined)
    const dns = upstream === undefined ? {} : { dns: { servers: upstream } }
    const isUser = shared !== undefined && !isShared(container, joined)
    const target = isUser ? { ipv4: anyAddress } : targetOf(joined)
    const ports = readPorts(directory).flatMap((port) => portPlans(port, target))
    if (isUser) return { mode: 'user', ports, ...dns }
    const place = shared === undefined ? {} : { shared }
    return { mode: 'bridge', interfaces: joined.map(interfacePlan), ports, ...dns, ...place }
  }

  return {
    service,
    check: ({ spec }) => {
      for (const { network, aliases } of spec.network.endpoints) {
        if (aliases.length > 0 && !isNamed(service.get(network))) {
          throw new TsbuildError(
            'USAGE',
            'network-scoped alias is supported only for containers in user defined networks',
            {
              hint: 'Make a network with "tsbuild network create NAME" and join it with --network NAME',
            },
          )
        }
        service.get(network)
      }
    },
    async join(container, directory, linked) {
      const { id, spec } = container
      records.removeEndpoints(id)
      if (hasBridges(container)) {
        if (shared !== undefined) await native.call('network', { op: 'hold', shared })
        for (const [index, request] of spec.network.endpoints.entries()) {
          const network = service.get(request.network)
          service.attach(network, endpointWish(container, { network, request, index }))
        }
      }
      mkdirSync(join(runRoot, 'networks'), { recursive: true, mode: 0o755 })
      const joined = joinedPlans(id)
      const ports = await boundPorts(spec.network, spec.exposed, hostIpOf(joined))
      writeFileSync(join(directory, portsFile), JSON.stringify(ports))
      const etc = writeEtc(container, directory, { joined, linked: linked() })
      return { plan: planOf(container, directory), etc }
    },
    refresh(container, directory, linked) {
      writeEtc(container, directory, { joined: joinedPlans(container.id), linked: linked() })
      return planOf(container, directory)
    },
    hold: async (container) => {
      if (shared !== undefined && isShared(container, [])) await native.call('network', { op: 'hold', shared })
    },
    canChange: (container) => isShared(container, []) || shared === undefined,
    release: (id) => {
      if (records.endpointsOf(id).length > 0) records.removeEndpoints(id)
    },
    nameDirectories: (id) =>
      joinedPlans(id).flatMap(({ namesDirectory }) => (namesDirectory === undefined ? [] : [namesDirectory])),
    shared,
    endpoints: (id) => joinedPlans(id).map(({ network, endpoint }) => ({ network, endpoint })),
    ports: readPorts,
  }
}

const anyAddress = '0.0.0.0'
const families = ['ipv4', 'ipv6'] as const

/** The endpoint that packets to the world leave by: the first of a network that has a way out. */
function wayOut(joined: readonly JoinedEndpoint[], family: 'ipv4' | 'ipv6'): Endpoint | undefined {
  return joined.find(({ network }) => gatewayOf(network, family) !== undefined)?.endpoint
}

/** Where published ports lead. Connections of a family that the container has not go to the other. */
function targetOf(joined: readonly JoinedEndpoint[]): PortTarget {
  const first = joined[0]?.endpoint
  const ipv4 = wayOut(joined, 'ipv4')?.address || first?.address
  const ipv6 = wayOut(joined, 'ipv6')?.address6 || first?.address6
  return { ...(ipv4 ? { ipv4 } : {}), ...(ipv6 ? { ipv6 } : {}) }
}

/** The address of the host that a network's ports are published on where they name none. */
function hostIpOf([first]: readonly JoinedEndpoint[]): string {
  return first === undefined ? '' : bridgeOptions(first.network.options).hostIp
}

/** The wish of a container for a place in a network, which becomes its interface number `index`. */
export function endpointWish(
  container: Container,
  { network, request, index }: { readonly network: Network; readonly request: EndpointRequest; readonly index: number },
): EndpointWish {
  const { id, name, spec } = container
  const names = [name, ...request.aliases, shortId(id), ...(spec.hostname === shortId(id) ? [] : [spec.hostname])]
  return {
    owner: id,
    interface: `${bridgeOptions(network.options).interfacePrefix}${index}`,
    ip: request.ip,
    ip6: request.ip6,
    mac: request.mac,
    aliases: request.aliases,
    names: [...new Set(names)],
    transient: false,
  }
}
