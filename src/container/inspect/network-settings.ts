import { parseRange } from '../../network/ip-range.ts'
import type { Network } from '../../network/network-records.ts'
import type { JoinedEndpoint } from '../container-networks.ts'
import type { Container } from '../container-records.ts'
import type { EndpointRequest, PublishedPort } from '../container-spec.ts'
import { networkMode, portBindings } from './host-config.ts'

export interface NetworkFacts {
  readonly endpoints: readonly JoinedEndpoint[]
  /** With the host ports that are really bound. */
  readonly ports: readonly PublishedPort[]
  readonly networkNamespace: string
}

/** The `NetworkSettings` of docker's container inspect. The members at the top are those of the default network. */
export function networkSettings({ id, spec }: Container, { endpoints, ports, networkNamespace }: NetworkFacts): object {
  const first = endpoints.find(({ network }) => network.name === 'bridge')
  const shown = endpointJson(first)
  const { mode, endpoints: asked } = spec.network
  return {
    Bridge: '',
    SandboxID: networkNamespace === '' ? '' : id,
    SandboxKey: networkNamespace,
    Ports: portsJson(spec.exposed, ports),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: shown.EndpointID,
    Gateway: shown.Gateway,
    GlobalIPv6Address: shown.GlobalIPv6Address,
    GlobalIPv6PrefixLen: shown.GlobalIPv6PrefixLen,
    IPAddress: shown.IPAddress,
    IPPrefixLen: shown.IPPrefixLen,
    IPv6Gateway: shown.IPv6Gateway,
    MacAddress: shown.MacAddress,
    Networks:
      mode === 'bridge'
        ? Object.fromEntries([
            ...asked.map((one) => [one.network, endpointJson(undefined, one)] as const),
            ...endpoints.map((joined) => [joined.network.name, endpointJson(joined, askedFor(asked, joined))] as const),
          ])
        : typeof mode === 'object'
          ? {}
          : { [networkMode(mode, undefined)]: shown },
  }
}

function askedFor(asked: readonly EndpointRequest[], { network }: JoinedEndpoint): EndpointRequest | undefined {
  return asked.find(({ network: word }) => word === network.name || word === network.id)
}

/** Addresses that were asked for. */
function ipamJson(asked: EndpointRequest | undefined): object | null {
  const { ip = null, ip6 = null } = asked ?? {}
  if (ip === null && ip6 === null) return null
  return { ...(ip === null ? {} : { IPv4Address: ip }), ...(ip6 === null ? {} : { IPv6Address: ip6 }) }
}

function endpointJson(joined: JoinedEndpoint | undefined, asked?: EndpointRequest) {
  const { endpoint, network } = joined ?? {}
  const [four, six] = [subnetOf(network, false), subnetOf(network, true)]
  return {
    IPAMConfig: ipamJson(asked),
    Links: null,
    Aliases: endpoint === undefined || endpoint.aliases.length === 0 ? null : endpoint.aliases,
    MacAddress: endpoint?.mac ?? '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: network?.id ?? '',
    EndpointID: endpoint?.id ?? '',
    Gateway: four?.gateway ?? '',
    IPAddress: endpoint?.address ?? '',
    IPPrefixLen: four?.prefix ?? 0,
    IPv6Gateway: six?.gateway ?? '',
    GlobalIPv6Address: endpoint?.address6 ?? '',
    GlobalIPv6PrefixLen: six?.prefix ?? 0,
    DNSNames: endpoint === undefined || network?.name === 'bridge' ? null : endpoint.names,
  }
}

function subnetOf(
  network: Network | undefined,
  isSix: boolean,
): { readonly gateway: string; readonly prefix: number } | undefined {
  const found = network?.subnets.find(({ subnet }) => subnet.includes(':') === isSix)
  return found === undefined ? undefined : { gateway: found.gateway, prefix: parseRange(found.subnet)!.prefix }
}

/** Exposed ports without a binding are null, as docker shows them. */
function portsJson(exposed: readonly string[], ports: readonly PublishedPort[]): object {
  return { ...Object.fromEntries(exposed.map((word) => [word, null])), ...portBindings(ports.flatMap(everyAddress)) }
}

/** What was published without an address is bound on every one, of both families. */
function everyAddress(port: PublishedPort): readonly PublishedPort[] {
  return port.hostIp === '' ? ['0.0.0.0', '::'].map((hostIp) => ({ ...port, hostIp })) : [port]
}
