import type { Tree } from '../host/native.ts'
import { volumeSource } from '../volume/local-driver.ts'
import { isLive, readState } from './container-state.ts'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'
import { isMonitorAlive } from './monitor-life.ts'

/** File systems of volumes that another container has mounted at the moment, by the name of the volume. */
export type SharedVolumes = ReadonlyMap<string, Tree> & Disposable

/**
 * A volume that is a tmpfs exists as long as containers run that use it, and they share it: the first mounts it, the others get what one of them has. Until
 * it is disposed no other start decides the same for these volumes.
 */
export async function sharedVolumes(
  containers: Containers,
  container: Container,
  signal: AbortSignal,
): Promise<SharedVolumes> {
  const names = container.mounts.filter(({ kind, name }) => kind === 'volume' && isTmpfs(containers, name))
  using stack = new DisposableStack()
  const shared = new Map<string, Tree>()
  for (const name of [...new Set(names.map((mount) => mount.name))].toSorted()) {
    stack.use(await containers.store.lease.claim(`volume:${name}`, signal))
    const tree = await treeOfUser(containers, name, container.id)
    if (tree !== undefined) shared.set(name, tree)
  }
  const held = stack.move()
  return Object.assign(shared, { [Symbol.dispose]: () => held.dispose() })
}

function isTmpfs({ volumes, rootless }: Containers, name: string): boolean {
  // User namespaces beside each other have no access to each other's mounts.
  if (rootless) return false
  const source = volumeSource(volumes.get(name))
  return source.kind === 'filesystem' && (source.type === 'tmpfs' || source.type === 'ramfs')
}

async function treeOfUser(containers: Containers, name: string, but: string): Promise<Tree | undefined> {
  for (const id of containers.volumes.records.usersOf(name)) {
    const user = id === but ? undefined : containers.records.byId(id)
    const place = user?.mounts.find((mount) => mount.kind === 'volume' && mount.name === name && mount.subpath === '')
    if (place === undefined) continue
    const { pid, ...state } = readState(containers.directory(id))
    if (pid > 0 && isLive({ pid, ...state }) && (await isMonitorAlive(containers, id))) {
      return { kind: 'shared', pid, path: place.target }
    }
  }
  return undefined
}
