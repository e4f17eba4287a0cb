import { firstAddress } from './address-pool.ts'
import { bridgeOptions } from './bridge-options.ts'
import { parseRange } from './ip-range.ts'
import type { Endpoint, Network } from './network-records.ts'

/** How a process is connected, as the plans `sandbox` and `monitor` carry it (docs/native-core.md, "network"). */
export type NetworkPlan =
  | { readonly mode: 'none' }
  | { readonly mode: 'host' }
  /** Joins a network namespace, such as /proc/123/ns/net. */
  | { readonly mode: 'path'; readonly path: string }
  | BridgePlan
  /** Carried by a program of the host, for an unprivileged user. */
  | { readonly mode: 'user'; readonly ports: readonly PortPlan[]; readonly dns?: NameServicePlan }

export interface BridgePlan {
  readonly mode: 'bridge'
  readonly interfaces: readonly InterfacePlan[]
  readonly ports: readonly PortPlan[]
  readonly dns?: NameServicePlan
  /** Directory of the network namespace in which an unprivileged user has bridges. */
  readonly shared?: string
}

/** The name service at 127.0.0.11 and the servers that it asks; absent: there is none. */
export interface NameServicePlan {
  readonly servers: readonly string[]
}

export interface InterfacePlan {
  readonly name: string
  readonly bridge: BridgeInterface
  /** With prefix length. */
  readonly addresses: readonly string[]
  readonly mac: string
  /** Of the default routes, at most one of each family. */
  readonly gateways: readonly string[]
  /** Where the name service finds who else is on the network, and our own names there. */
  readonly names?: { readonly dir: string; readonly entries: readonly string[] }
}

export interface BridgeInterface {
  readonly name: string
  /** The gateway's addresses with prefix length. */
  readonly addresses: readonly string[]
  readonly mtu: number
  readonly internal: boolean
  readonly masquerade: boolean
  /** Its containers do not reach each other. */
  readonly isolated: boolean
  /** The host's firewall lets its packets pass. */
  readonly open: boolean
}

export type PortProtocol = 'tcp' | 'udp' | 'sctp'

export interface PortPlan {
  readonly proto: PortProtocol
  readonly hostIp: string
  readonly hostPort: number
  readonly address: string
  readonly port: number
}

/** The name service that answers inside a container. */
export const nameServiceAddress = '127.0.0.11'

export interface JoinedNetwork {
  readonly network: Network
  readonly endpoint: Endpoint
  /** Families whose default route it gives. */
  readonly defaults: readonly ('ipv4' | 'ipv6')[]
  /** Folder of the network's names; absent: it has no names. */
  readonly namesDirectory?: string
}

export function interfacePlan({ network, endpoint, defaults, namesDirectory }: JoinedNetwork): InterfacePlan {
  return {
    name: endpoint.interface,
    bridge: bridgeInterface(network),
    addresses: [endpoint.address, endpoint.address6].flatMap((address) => withPrefix(network, address)),
    mac: endpoint.mac,
    gateways: defaults.flatMap((family) => gatewayOf(network, family) ?? []),
    ...(namesDirectory === undefined ? {} : { names: { dir: namesDirectory, entries: endpoint.names } }),
  }
}

/** The way out of a network, where it has one of that family. */
export function gatewayOf({ internal, subnets }: Network, family: 'ipv4' | 'ipv6'): string | undefined {
  if (internal) return undefined
  return subnets.find(({ subnet }) => subnet.includes(':') === (family === 'ipv6'))?.gateway
}

function bridgeInterface(network: Network): BridgeInterface {
  const { isolated, open } = bridgeOptions(network.options)
  return {
    name: network.bridge,
    addresses: network.subnets.flatMap(({ gateway }) => withPrefix(network, gateway)),
    mtu: network.mtu,
    internal: network.internal,
    masquerade: network.masquerade,
    isolated,
    open,
  }
}

/** An address with the prefix length of the network's subnet of its family; none where there is none. */
function withPrefix({ subnets }: Network, address: string): readonly string[] {
  const found = subnets.find(({ subnet }) => subnet.includes(':') === address.includes(':'))
  return address === '' || found === undefined ? [] : [`${address}/${parseRange(found.subnet)!.prefix}`]
}

/** The gateway of a subnet that names none. */
export function defaultGateway(subnet: string): string {
  return firstAddress(parseRange(subnet)!)
}
