import { isLive, readState } from '../container/container-state.ts'
import { parseRange } from '../network/ip-range.ts'
import type { Endpoint, Network } from '../network/network-records.ts'
import type { Engine } from './engine.ts'

/** A network in the shape of docker's API, with the containers that run in it. NETWORK_NOT_FOUND, ID_AMBIGUOUS. */
export async function networkInspect(engine: Engine, name: string): Promise<object> {
  const network = engine.networks.get(name)
  const { subnets } = network
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.createdAt).toISOString(),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: subnets.map(({ subnet, gateway, range }) => ({
        Subnet: subnet,
        ...(range === undefined ? {} : { IPRange: range }),
        Gateway: gateway,
      })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: await members(engine, network),
    Options: network.options,
    Labels: network.labels,
  }
}

async function members(engine: Engine, network: Network): Promise<Readonly<Record<string, object>>> {
  const shown: [string, object][] = []
  for (const endpoint of engine.networks.records.endpointsIn(network.id)) {
    const container = engine.containers.records.byId(endpoint.owner)
    if (container === undefined) continue
    if (isLive(await readState(engine.containers.directory(container.id)))) {
      shown.push([container.id, { Name: container.name, EndpointID: endpoint.id, ...addresses(network, endpoint) }])
    }
  }
  return Object.fromEntries(shown)
}

function addresses(network: Network, endpoint: Endpoint): object {
  const withPrefix = (address: string, isSix: boolean): string => {
    const subnet = network.subnets.find((one) => one.subnet.includes(':') === isSix)
    return address === '' || subnet === undefined ? '' : `${address}/${parseRange(subnet.subnet)!.prefix}`
  }
  return {
    MacAddress: endpoint.mac,
    IPv4Address: withPrefix(endpoint.address, false),
    IPv6Address: withPrefix(endpoint.address6, true),
  }
}
