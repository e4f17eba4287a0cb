import { pipeline } from 'node:stream/promises'
import type { LayerFacts } from '../host/native.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import { rootTree } from './container-changes.ts'
import type { Container } from './container-records.ts'
import { isLive } from './container-state.ts'
import type { Containers } from './containers.ts'
import { connectMonitor } from './monitor-client.ts'
import { settle } from './settle.ts'

/**
 * Makes a layer of what a container changed and gives the top of the stack with it; the image's own top when nothing changed. With `pause`
 * a running container stands still meanwhile, so that the layer is of one moment.
 */
export async function commitLayer(
  containers: Containers,
  container: Container,
  options: { readonly pause: boolean; readonly signal: AbortSignal },
): Promise<Snapshot | null> {
  const settled = await settle(containers, container)
  const running = settled !== undefined && isLive(settled.state) && settled.state.status !== 'paused'
  await using _pause = running && options.pause ? await standStill(containers, container.id) : nothing
  return await copyLayer(containers, container, options.signal)
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} }

async function standStill(containers: Containers, id: string): Promise<AsyncDisposable> {
  const client = await connectMonitor(containers.runDirectory(id))
  await client?.ask({ op: 'pause' })
  return {
    async [Symbol.asyncDispose]() {
      await client?.ask({ op: 'resume' })
      client?.[Symbol.dispose]()
    },
  }
}

/** The container goes on writing to its own layer, so the new snapshot gets a copy: packed here, applied there, in one stream. */
async function copyLayer(containers: Containers, container: Container, signal: AbortSignal): Promise<Snapshot | null> {
  const { native, snapshots } = containers
  const below = parentOf(containers, container)
  await using active = await snapshots.prepare(below?.id ?? null)
  const abort = new AbortController()
  const either = AbortSignal.any([signal, abort.signal])
  const packing = native.start(
    'pack',
    {
      tree: rootTree(containers, container),
      out: { fd: 5 },
      compression: { kind: 'none' },
      expect: null,
      clampMtime: null,
    },
    { signal: either, fds: ['pipe'] },
  )
  const applying = native.start(
    'apply',
    { blob: { fd: 5 }, mediaCompression: 'none', target: active.tree, mode: 'merged', expect: null },
    { signal: either, fds: ['pipe'] },
  )
  try {
    const [facts] = await Promise.all([
      packing.result,
      applying.result,
      pipeline(packing.pipes[0]!, applying.pipes[0]!, { signal: either }),
    ])
    const layer = facts as unknown as LayerFacts
    return layer.entries === 0 ? below : await active.commit(layer)
  } catch (error) {
    abort.abort(error)
    await Promise.allSettled([packing.result, applying.result])
    throw error
  }
}

/** The image's layer that the container's own stands on. */
function parentOf(containers: Containers, { snapshot }: Container): Snapshot | null {
  if (snapshot === null) return null
  return containers.snapshots.chain(snapshot).at(-1) ?? null
}
