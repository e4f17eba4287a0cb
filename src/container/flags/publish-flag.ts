import { isIPv4, isIPv6 } from 'node:net'
import { invalidFlag } from '../../base/flag-error.ts'
import type { PortProtocol } from '../../network/network-plan.ts'
import type { PublishedPort } from '../container-spec.ts'

const maxPort = 65_535

/**
 * Parses `-p [IP:][HOST_PORT[-HOST_PORT]:]PORT[-PORT][/tcp|udp|sctp]`. An IPv6 address stands in brackets. Ranges must be equally long, except
 * that one container port may go to any free port of a host range. No host port: any free one. USAGE.
 */
export function parsePublish(text: string): readonly PublishedPort[] {
  const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(?:([\d-]*):)?([\d-]+)(?:\/([a-z]+))?$/i.exec(normalised(text))
  if (match === null)
    throw invalidFlag(
      '--publish',
      text,
      'expected [IP:][HOST_PORT:]PORT[/PROTOCOL]',
      'For example -p 8080:80 or -p 127.0.0.1:5353:53/udp',
    )
  const [, ip6, ip4, host = '', inside = '', protocol = 'tcp'] = match
  const hostIp = ip6 ?? ip4 ?? ''
  if (ip6 !== undefined && !isIPv6(ip6)) throw invalidFlag('--publish', text, `invalid IP address: ${ip6}`)
  if (ip6 === undefined && hostIp !== '' && !isIPv4(hostIp))
    throw invalidFlag('--publish', text, `invalid IP address: ${hostIp}`)
  const proto = protocolOf('--publish', text, protocol)
  const ports = portRange('--publish', text, inside)
  const hostPorts = host === '' ? undefined : portRange('--publish', text, host)
  if (hostPorts !== undefined && hostPorts.length !== ports.length && ports.length !== 1) {
    throw invalidFlag('--publish', text, `the ranges "${host}" and "${inside}" have different lengths`)
  }
  if (hostPorts !== undefined && hostPorts.length !== ports.length) {
    return [
      {
        proto,
        port: ports[0] as number,
        hostIp,
        hostPort: hostPorts[0] as number,
        hostPortLast: hostPorts.at(-1) as number,
      },
    ]
  }
  return ports.map((port, index) => ({ proto, port, hostIp, hostPort: hostPorts?.[index] ?? 0 }))
}

/** Parses `--expose PORT[-PORT][/PROTOCOL]` into `80/tcp` words. USAGE. */
export function parseExpose(text: string): readonly string[] {
  const [range = '', protocol = 'tcp', rest] = text.split('/')
  if (rest !== undefined) throw invalidFlag('--expose', text, 'expected PORT[-PORT][/PROTOCOL]')
  const proto = protocolOf('--expose', text, protocol)
  return portRange('--expose', text, range).map((port) => `${port}/${proto}`)
}

/** `8080:80` has no address, `127.0.0.1::80` no host port: both get the shape ADDRESS:HOST:PORT or HOST:PORT. */
function normalised(text: string): string {
  const parts = text.replace(/\[[^\]]*\]/, '6').split(':')
  return parts.length === 2 && !text.startsWith('[') ? `:${text}` : text
}

function protocolOf(flag: string, text: string, word: string): PortProtocol {
  const proto = word.toLowerCase()
  if (proto === 'tcp' || proto === 'udp' || proto === 'sctp') return proto
  throw invalidFlag(flag, text, `invalid proto: ${word}`, 'Protocols: tcp, udp, sctp')
}

function portRange(flag: string, text: string, range: string): readonly number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(range)
  const first = Number(match?.[1])
  const last = Number(match?.[2] ?? match?.[1])
  if (match === null || first > last || last > maxPort || first < 1) {
    throw invalidFlag(
      flag,
      text,
      `invalid port or range "${range}"`,
      'Ports are numbers from 1 to 65535, ranges FIRST-LAST',
    )
  }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
