import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../base/errors.ts'
import { freePort } from '../network/free-port.ts'
import type { PortPlan } from '../network/network-plan.ts'
import type { ContainerNetwork, PublishedPort } from './container-spec.ts'

export const portsFile = 'ports.json'

/** The published ports of the last start, with the host ports that were chosen; none before the first. */
export function readPorts(directory: string): readonly PublishedPort[] {
  try {
    return JSON.parse(readFileSync(join(directory, portsFile), 'utf8')) as readonly PublishedPort[]
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return []
    throw error
  }
}

/**
 * Every published port with a host port that is free now, where none was named, on `hostIp` where no address was named. PORT_TAKEN when a range
 * has none.
 */
export async function boundPorts(
  network: ContainerNetwork,
  exposed: readonly string[],
  hostIp: string,
): Promise<readonly PublishedPort[]> {
  if (network.mode !== 'bridge') return []
  const named = new Set(network.ports.map(({ port, proto }) => `${port}/${proto}`))
  const all = network.publishAll ? exposed.filter((word) => !named.has(word)) : []
  const more = all.map((word): PublishedPort => {
    const [port = '', proto] = word.split('/')
    return { proto: proto === 'udp' || proto === 'sctp' ? proto : 'tcp', port: Number(port), hostIp: '', hostPort: 0 }
  })
  const bound: PublishedPort[] = []
  for (const port of [...network.ports, ...more]) {
    const { hostPortLast, ...rest } = port
    const plain = { ...rest, hostIp: port.hostIp || hostIp }
    const range = hostPortLast === undefined ? undefined : { first: port.hostPort, last: hostPortLast }
    const fixed = port.hostPort !== 0 && range === undefined
    bound.push(fixed ? plain : { ...plain, hostPort: await freePort(port.proto, plain.hostIp, range) })
  }
  return bound
}

/** Addresses of a container, one of each family at most. */
export interface PortTarget {
  readonly ipv4?: string
  readonly ipv6?: string
}

/**
 * Without an address a port is bound on every one, of both families where the host has both. It leads to the container's address of the same family,
 * which sees who asks, else to the other.
 */
export function portPlans({ proto, port, hostIp, hostPort }: PublishedPort, target: PortTarget): readonly PortPlan[] {
  const all = existsSync('/proc/net/if_inet6') ? ['0.0.0.0', '::'] : ['0.0.0.0']
  const { ipv4 = target.ipv6, ipv6 = target.ipv4 } = target
  return (hostIp === '' ? all : [hostIp]).flatMap((host) => {
    const address = host.includes(':') ? ipv6 : ipv4
    return address === undefined ? [] : [{ proto, hostIp: host, hostPort, address, port }]
  })
}
