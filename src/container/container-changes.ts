import { posix } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import type { Tree } from '../host/native.ts'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'

/** One difference between a container's root and its image, as `diff` shows it. */
export interface Change {
  readonly change: 'A' | 'C' | 'D'
  readonly path: string
}

/** Where every container has something mounted; a place that the image lacks is made for it while the container runs. */
const ownMountPoints = ['/dev', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/proc', '/sys']

/** What the container has added, changed and deleted, in the order of paths. Places that were only made to mount on do not count. */
export async function containerChanges(
  containers: Containers,
  container: Container,
  signal: AbortSignal,
): Promise<readonly Change[]> {
  return withoutMountPoints(await allChanges(containers, container, signal), mountPointsOf(container))
}

/** Places in the container's layer that only stand for what is mounted there; empty once it has ended. */
export async function madeMountPoints(
  containers: Containers,
  container: Container,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const places = mountPointsOf(container)
  const changes = await allChanges(containers, container, signal)
  return changes.filter(({ change, path }) => change === 'A' && places.has(path)).map(({ path }) => path)
}

function mountPointsOf({ mounts }: Container): ReadonlySet<string> {
  return new Set([...ownMountPoints, ...mounts.map(({ target }) => target)])
}

/** A directory above such a place is told only when something else changed below it as well. */
function withoutMountPoints(changes: readonly Change[], places: ReadonlySet<string>): readonly Change[] {
  const made = changes.filter(({ change, path }) => change === 'A' && places.has(path)).map(({ path }) => path)
  const isBelow = (path: string, directory: string): boolean => path.startsWith(`${directory}/`)
  const rest = changes.filter(({ path }) => !made.some((place) => path === place || isBelow(path, place)))
  const above = new Set(made.flatMap(parentsOf))
  return rest.filter(
    ({ path }) => !above.has(path) || rest.some((other) => isBelow(other.path, path) && !above.has(other.path)),
  )
}

function parentsOf(path: string): readonly string[] {
  const parent = posix.dirname(path)
  return parent === '/' ? [] : [parent, ...parentsOf(parent)]
}

async function allChanges(
  containers: Containers,
  container: Container,
  signal: AbortSignal,
): Promise<readonly Change[]> {
  const changes: Change[] = []
  await containers.native.call(
    'changes',
    { tree: rootTree(containers, container) },
    {
      signal,
      onEvent: (event) => {
        if (event['kind'] === 'change')
          changes.push({ change: event['change'] as Change['change'], path: textOf(event['path']) })
      },
    },
  )
  return changes
}

/** The container's root as layers, whether it runs or not. */
export function rootTree(containers: Containers, container: Container): Tree {
  if (container.snapshot === null) {
    throw new TsbuildError('CONTAINER_CONFLICT', `The layers of container ${container.name} are gone`)
  }
  return containers.snapshots.containerTree(container.snapshot)
}

/** A byte string of the core for people: what is not UTF-8 becomes replacement characters. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value.startsWith('/') ? value : `/${value}`
  const { b64 } = value as { readonly b64: string }
  return `/${Buffer.from(b64, 'base64').toString('utf8')}`.replace(/^\/\//, '/')
}
