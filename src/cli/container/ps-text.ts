import type { ContainerEntry } from '../../container/container-filter.ts'
import type { PublishedPort } from '../../container/container-spec.ts'
import type { ContainerState } from '../../container/container-state.ts'
import { humanDuration } from '../../ui/human.ts'

/** docker's STATUS column: `Up 36 seconds (healthy)`, `Exited (0) 7 seconds ago`. */
export function statusText(state: ContainerState, now: number): string {
  const since = (time: string | null): string =>
    time === null ? 'unknown time' : humanDuration(now - Date.parse(time))
  switch (state.status) {
    case 'created':
      return 'Created'
    case 'running':
      return `Up ${since(state.startedAt)}${healthText(state)}`
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
  }
}

/** docker's COMMAND column: words with a space in single quotes, shortened, and the whole in double quotes. */
export function commandText(args: readonly string[], cut: (text: string, size: number) => string): string {
  return JSON.stringify(cut(args.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' '), 20))
}

function healthText({ health }: ContainerState): string {
  if (health === null) return ''
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`
}

/**
 * docker's PORTS column: published ports first, neighbours joined to ranges (`0.0.0.0:8000-8002->8000-8002/tcp`), then those that are only
 * exposed.
 */
export function portsText({ container, ports }: ContainerEntry): string {
  const published = ports.flatMap(addresses).toSorted(byPlace)
  const texts: string[] = []
  for (let at = 0; at < published.length;) {
    let end = at + 1
    while (end < published.length && follows(published[end - 1]!, published[end]!)) end += 1
    texts.push(rangeText(published[at]!, published[end - 1]!))
    at = end
  }
  const bound = new Set(ports.map(({ port, proto }) => `${port}/${proto}`))
  const only = container.spec.exposed.filter((word) => !bound.has(word))
  return [...texts, ...only].join(', ')
}

/** Without an address the port is bound on every one, of both families. */
function addresses(port: PublishedPort): readonly PublishedPort[] {
  return port.hostIp === ''
    ? [
        { ...port, hostIp: '0.0.0.0' },
        { ...port, hostIp: '[::]' },
      ]
    : [port]
}

/** By protocol, then IPv4 before IPv6, then by number. */
function byPlace(a: PublishedPort, b: PublishedPort): number {
  const six = ({ hostIp }: PublishedPort): number => (hostIp.includes(':') ? 1 : 0)
  return (
    a.proto.localeCompare(b.proto) ||
    six(a) - six(b) ||
    a.hostIp.localeCompare(b.hostIp) ||
    a.port - b.port ||
    a.hostPort - b.hostPort
  )
}

function follows(a: PublishedPort, b: PublishedPort): boolean {
  return a.proto === b.proto && a.hostIp === b.hostIp && b.port === a.port + 1 && b.hostPort === a.hostPort + 1
}

function rangeText(first: PublishedPort, last: PublishedPort): string {
  const range = (from: number, to: number): string => (from === to ? String(from) : `${from}-${to}`)
  const host = first.hostIp.includes(':') && !first.hostIp.startsWith('[') ? `[${first.hostIp}]` : first.hostIp
  return `${host}:${range(first.hostPort, last.hostPort)}->${range(first.port, last.port)}/${first.proto}`
}
