import { join } from 'node:path'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'

/** Bytes of a container's files: its own layer, and all that it sees. */
export interface ContainerSizes {
  readonly rw: number
  readonly rootFs: number
}

/** In the order of the containers. Layers of images count with the content that they carry. */
export async function containerSizes(
  containers: Containers,
  list: readonly Container[],
): Promise<readonly ContainerSizes[]> {
  const withLayer = list.filter(({ snapshot }) => snapshot !== null)
  const paths = withLayer.map(({ snapshot }) => join(containers.store.paths.snapshots, String(snapshot), 'fs'))
  const answer = paths.length === 0 ? {} : await containers.native.call('usage', { paths })
  const bytes = new Map(withLayer.map(({ id }, index) => [id, (answer['bytes'] as readonly number[])[index] ?? 0]))
  return list.map(({ id, snapshot }) => {
    const rw = bytes.get(id) ?? 0
    const lower = snapshot === null ? [] : containers.snapshots.chain(snapshot)
    return { rw, rootFs: rw + lower.reduce((sum, layer) => sum + layer.size, 0) }
  })
}
