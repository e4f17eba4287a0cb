import { TsbuildError } from '../base/errors.ts'
import type { Tree } from '../host/native.ts'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'

/** One difference between a container's root and its image, as `diff` shows it. */
export interface Change {
  readonly change: 'A' | 'C' | 'D'
  readonly path: string
}

/** What the container has added, changed and deleted, in the order of paths. */
export async function containerChanges(
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
