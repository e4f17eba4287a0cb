import { TsbuildError } from '../base/errors.ts'
import type { JoinedEndpoint } from './container-networks.ts'
import type { Container, ContainerRecords } from './container-records.ts'
import type { PublishedPort } from './container-spec.ts'
import type { ContainerState } from './container-state.ts'

/** A container with everything that lists show and filters look at. */
export interface ContainerEntry {
  readonly container: Container
  readonly state: ContainerState
  readonly endpoints: readonly JoinedEndpoint[]
  readonly ports: readonly PublishedPort[]
}

export type ContainerFilter = (entry: ContainerEntry) => boolean

/** What filters must look up. */
export interface FilterSources {
  readonly records: ContainerRecords
  /** IDs of the images that a word names; empty when there is none. */
  readonly imageIds: (word: string) => Promise<readonly string[]>
}

const keys =
  `ancestor before exited expose health id is-task isolation label name network publish since status volume`.split(' ')

/**
 * Compiles `--filter KEY=VALUE` words: values of one key are alternatives (all must hold for `label`), different keys must all hold.
 * USAGE for an unknown key or a malformed value, CONTAINER_NOT_FOUND for `before` and `since`.
 */
export async function compileContainerFilter(
  words: readonly string[],
  sources: FilterSources,
): Promise<ContainerFilter> {
  const byKey = new Map<string, string[]>()
  for (const word of words) {
    const at = word.indexOf('=')
    const [key, value] = [word.slice(0, Math.max(at, 0)), word.slice(at + 1)]
    if (at < 1) throw new TsbuildError('USAGE', `invalid filter "${word}": expected KEY=VALUE`)
    if (!keys.includes(key))
      throw new TsbuildError('USAGE', `invalid filter '${key}'`, { hint: `Filters: ${keys.join(', ')}` })
    byKey.set(key, [...(byKey.get(key) ?? []), value])
  }
  const parts = await Promise.all([...byKey].map(([key, values]) => compileKey(key, values, sources)))
  return (entry) => parts.every((part) => part(entry))
}

async function compileKey(key: string, values: readonly string[], sources: FilterSources): Promise<ContainerFilter> {
  const any = (test: (value: string, entry: ContainerEntry) => boolean): ContainerFilter => {
    return (entry) => values.some((value) => test(value, entry))
  }
  switch (key) {
    case 'id':
      return any((value, { container }) => container.id.startsWith(value))
    case 'name': {
      const patterns = values.map((value) => namePattern(value))
      return ({ container }) =>
        patterns.some((pattern) => pattern.test(container.name) || pattern.test(`/${container.name}`))
    }
    case 'label':
      return ({ container }) => values.every((value) => hasLabel(container.spec.labels, value))
    case 'status': {
      const known = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead']
      for (const value of values) check(known.includes(value), key, value, `one of ${known.join(', ')}`)
      return any((value, { state }) => state.status === value)
    }
    case 'exited':
      for (const value of values) check(/^\d+$/.test(value), key, value, 'an exit code')
      return any((value, { state }) => state.status === 'exited' && state.exitCode === Number(value))
    case 'health': {
      const known = ['none', 'starting', 'healthy', 'unhealthy']
      for (const value of values) check(known.includes(value), key, value, `one of ${known.join(', ')}`)
      return any((value, { state }) => (state.health?.status ?? 'none') === value)
    }
    case 'ancestor': {
      const ids = new Set((await Promise.all(values.map(sources.imageIds))).flat())
      return ({ container }) => ids.has(container.spec.image.id) || values.includes(container.spec.image.name)
    }
    case 'before':
    case 'since': {
      const limits = values.map((value) => sources.records.resolve(value))
      return ({ container }) =>
        limits.some((limit) =>
          key === 'before' ? container.createdAt < limit.createdAt : container.createdAt > limit.createdAt,
        )
    }
    case 'volume':
      return any((value, { container }) =>
        container.mounts.some(({ name, source, target }) => [name, source, target].includes(value)),
      )
    case 'network':
      return any((value, { container, endpoints }) => {
        const { mode, endpoints: asked } = container.spec.network
        if (mode === value) return value !== 'bridge' || asked.some(({ network }) => network === value)
        if (asked.some(({ network }) => network === value)) return true
        return endpoints.some(({ network }) => network.name === value || network.id.startsWith(value))
      })
    case 'publish':
    case 'expose': {
      const ranges = values.map((value) => portRange(key, value))
      return ({ container, ports }) =>
        ranges.some(({ first, last, proto }) => {
          const inRange = (port: number, protocol: string): boolean =>
            port >= first && port <= last && protocol === proto
          if (ports.some((port) => inRange(port.port, port.proto))) return true
          if (key === 'publish') return false
          return container.spec.exposed.some((word) => inRange(Number(word.split('/')[0]), word.split('/')[1] ?? 'tcp'))
        })
    }
    default:
      return () => true // is-task and isolation only tell things apart that do not exist here
  }
}

/** docker takes the value for a regular expression; one that is none is taken literally. */
function namePattern(value: string): RegExp {
  try {
    return new RegExp(value)
  } catch {
    return new RegExp(value.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  }
}

/** `KEY` or `KEY=VALUE`. */
export function hasLabel(labels: Readonly<Record<string, string>>, word: string): boolean {
  const at = word.indexOf('=')
  return at < 0 ? Object.hasOwn(labels, word) : labels[word.slice(0, at)] === word.slice(at + 1)
}

function portRange(
  key: string,
  value: string,
): { readonly first: number; readonly last: number; readonly proto: string } {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(value)
  check(match !== null, key, value, 'PORT[-PORT][/PROTOCOL]')
  const first = Number(match?.[1])
  return { first, last: Number(match?.[2] ?? first), proto: match?.[3] ?? 'tcp' }
}

function check(holds: boolean, key: string, value: string, expected: string): void {
  if (!holds) throw new TsbuildError('USAGE', `invalid filter '${key}=${value}': expected ${expected}`)
}
