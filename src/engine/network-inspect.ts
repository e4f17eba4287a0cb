import { isLive, readState } from '../container/container-state.ts'
import { parseRange } from '../network/ip-range.ts'
import { hasIpv4 } from '../network/network-records.ts'
import type { Endpoint, Network } from '../network/network-records.ts'
import { predefined } from '../network/network-service.ts'
import type { Engine } from './engine.ts'

/** A network in the shape of docker's API, with the containers that run in it. NETWORK_NOT_FOUND, ID_AMBIGUOUS. */
export async function networkInspect(engine: Engine, name: string): Promise<object> {
  const network = engine.networks.get(name)
  const { subnets } = network
  const isBuiltin = predefined.some((name) => name === network.name)
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.createdAt).toISOString(),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: hasIpv4(network),
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: 'default',
      Options: isBuiltin ? null : {},
      Config:
        subnets.length === 0
          ? null
          : subnets.map(({ subnet, gateway, range, reserved }) => ({
              Subnet: subnet,
              ...(range === undefined ? {} : { IPRange: range }),
              Gateway: gateway,
              ...(reserved === undefined ? {} : { AuxiliaryAddresses: reserved }),
            })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: await members(engine, network),
    Options: network.name === 'bridge' ? defaultOptions(network) : network.options,
    Labels: network.labels,
  }
}

/** What is true of the default network, by the names that scripts look for. */
function defaultOptions({ bridge, masquerade, mtu }: Network): Readonly<Record<string, string>> {
  return {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.enable_icc': 'true',
    'com.docker.network.bridge.enable_ip_masquerade': String(masquerade),
    'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
    'com.docker.network.bridge.name': bridge,
    'com.docker.network.driver.mtu': String(mtu || 1500),
  }
}

async function members(engine: Engine, network: Network): Promise<Readonly<Record<string, object>>> {
  const shown: [string, object][] = []
  for (const endpoint of engine.networks.records.endpointsIn(network.id)) {
    const container = engine.containers.records.byId(endpoint.owner)
    if (container === undefined) continue
    if (isLive(readState(engine.containers.directory(container.id)))) {
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
