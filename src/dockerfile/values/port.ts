import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'

export interface ExposedPorts {
  /** Such as `80/tcp`, the range written out, the protocol in lower case. */
  readonly ports: readonly string[]
  /** The protocol is written with capitals. */
  readonly capitals: boolean
  /** An address or host port stands in front; it has no meaning and is dropped. */
  readonly mapping: boolean
}

/** The ports of one expanded word of EXPOSE: `8000-8002/UDP` is `8000/udp`, `8001/udp`, `8002/udp`. */
export function parsePort(text: string): Checked<readonly string[]> {
  const read = readPort(text)
  return read.ok ? good(read.value.ports) : read
}

/** Reads `[[address:]host port:]port[-port][/protocol]` with what the checks want to know. */
export function readPort(text: string): Checked<ExposedPorts> {
  const fail = (what: string, hint?: string): Checked<never> =>
    bad('PORT_INVALID', `port ${quoted(text)} ${what}`, hint)
  const { address, hostPort, container } = splitMapping(text)
  const slash = container.indexOf('/')
  const range = slash === -1 ? container : container.slice(0, slash)
  const protocol = slash === -1 ? 'tcp' : container.slice(slash + 1) || 'tcp'
  if (text.startsWith('#'))
    return fail(
      'is not a port',
      'A "#" inside a line does not start a comment: put the comment on a line of its own above',
    )
  if (range === '') return fail('has no port number')
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase()))
    return fail(`has the unknown protocol ${quoted(protocol)}`, 'It is "tcp", "udp" or "sctp"')
  if (address !== '' && !isIpAddress(address.replace(/^\[(.*)\]$/, '$1')))
    return fail(`has the invalid address ${quoted(address)}`)
  const ports = parseRange(range)
  if (ports === undefined)
    return fail(
      /^\d/.test(range) ? 'is out of range or malformed' : 'is not a number',
      'Write "8080", "8080/udp" or "8000-8010", each from 0 to 65535',
    )
  if (hostPort !== '') {
    const host = parseRange(hostPort)
    if (host === undefined) return fail(`has the invalid host port ${quoted(hostPort)}`)
    const [first, last] = ports
    if (last !== first && last - first !== host[1] - host[0]) return fail('maps ranges of different length')
  }
  const [first, last] = ports
  return good({
    ports: Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol.toLowerCase()}`),
    capitals: protocol !== protocol.toLowerCase(),
    mapping: address !== '' || hostPort !== '',
  })
}

function splitMapping(text: string): {
  readonly address: string
  readonly hostPort: string
  readonly container: string
} {
  const parts = text.split(':')
  const container = parts.at(-1) ?? ''
  const hostPort = parts.at(-2) ?? ''
  return { address: parts.slice(0, -2).join(':'), hostPort, container }
}

function parseRange(text: string): readonly [number, number] | undefined {
  const dash = text.indexOf('-')
  const start = parseNumber(dash === -1 ? text : text.slice(0, dash))
  if (start === undefined) return undefined
  if (dash === -1) return [start, start]
  const end = parseNumber(text.slice(dash + 1))
  return end === undefined || end < start ? undefined : [start, end]
}

function parseNumber(text: string): number | undefined {
  if (!/^\+?\d+$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65535 ? port : undefined
}

function isIpAddress(text: string): boolean {
  if (/^(?:(?:0|[1-9]\d{0,2})(?:\.|$)){4}$/.test(text) && !text.endsWith('.'))
    return text.split('.').every((part) => Number(part) <= 255)
  const [head = '', tail, more] = text.split('::')
  if (more !== undefined || !text.includes(':')) return false
  const groups = [head, tail ?? ''].flatMap((half) => (half === '' ? [] : half.split(':')))
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false
  return tail === undefined ? groups.length === 8 : groups.length <= 7
}
