import { posix } from 'node:path'
import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { hasCode } from '../base/errors.ts'
import type { LayerFacts, Tree } from '../host/native.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import { madeMountPoints, rootTree } from './container-changes.ts'
import type { Container } from './container-records.ts'
import { isLive } from './container-state.ts'
import type { Containers } from './containers.ts'
import { connectMonitor } from './monitor-client.ts'
import { settle } from './settle.ts'

/**
 * Makes a layer of what a container changed and gives the top of the stack with it; the image's own top when nothing changed. With `pause`
 * a running container stands still meanwhile, so that the layer is of one moment, where there is a cgroup to hold it by.
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
  try {
    await client?.ask({ op: 'pause' })
  } catch (error) {
    client?.[Symbol.dispose]()
    if (!hasCode(error, 'FEATURE_MISSING', 'CONTAINER_UNREACHABLE')) throw error
    return nothing
  }
  return {
    async [Symbol.asyncDispose]() {
      using _client = client
      try {
        await client?.ask({ op: 'resume' })
      } catch (error) {
        // It was killed meanwhile, or somebody has resumed it: the layer is made.
        if (!hasCode(error, 'CONTAINER_UNREACHABLE', 'CONTAINER_STOPPED', 'CONTAINER_CONFLICT')) throw error
      }
    },
  }
}

/** The container goes on writing to its own layer, so the new snapshot gets a copy: packed here, applied there, in one stream. */
async function copyLayer(containers: Containers, container: Container, signal: AbortSignal): Promise<Snapshot | null> {
  const { snapshots } = containers
  const below = parentOf(containers, container)
  await using active = await snapshots.prepare(below?.id ?? null)
  const places = await madeMountPoints(containers, container, signal)
  const copied = await copyChanges(containers, rootTree(containers, container), active.tree, signal)
  const layer = places.length === 0 ? copied : await withoutPlaces(containers, active.tree, places, signal)
  return layer.entries === 0 ? below : await active.commit(layer)
}

async function copyChanges({ native }: Containers, from: Tree, to: Tree, signal: AbortSignal): Promise<LayerFacts> {
  const abort = new AbortController()
  const either = AbortSignal.any([signal, abort.signal])
  const packing = native.start('pack', packPlan(from, { fd: 5 }), { signal: either, fds: ['pipe'] })
  const applying = native.start('apply', applyPlan(to), { signal: either, fds: ['pipe'] })
  try {
    const [facts] = await Promise.all([
      packing.result,
      applying.result,
      pipeline(packing.pipes[0]!, applying.pipes[0]!, { signal: either }),
    ])
    return facts as unknown as LayerFacts
  } catch (error) {
    abort.abort(error)
    await Promise.allSettled([packing.result, applying.result])
    throw error
  }
}

/** Deletes places that were only made to mount on, by a layer that says so, and looks at the rest anew. */
async function withoutPlaces(
  { native }: Containers,
  tree: Tree,
  places: readonly string[],
  signal: AbortSignal,
): Promise<LayerFacts> {
  const { pack } = await import('tar-stream')
  const deletions = pack()
  for (const path of places)
    deletions.entry({ name: posix.join(posix.dirname(path), `.wh.${posix.basename(path)}`).slice(1) }, '')
  deletions.finalize()
  const applying = native.start('apply', applyPlan(tree), { signal, fds: ['pipe'] })
  await Promise.all([applying.result, pipeline(Readable.from(deletions), applying.pipes[0] as Writable)])
  return (await native.call('pack', packPlan(tree, null), { signal })) as unknown as LayerFacts
}

function packPlan(tree: Tree, out: { readonly fd: number } | null): object {
  return { tree, out, compression: { kind: 'none' }, expect: null, clampMtime: null }
}

function applyPlan(target: Tree): object {
  return { blob: { fd: 5 }, mediaCompression: 'none', target, mode: 'merged', expect: null }
}

/** The image's layer that the container's own stands on. */
function parentOf(containers: Containers, { snapshot }: Container): Snapshot | null {
  if (snapshot === null) return null
  return containers.snapshots.chain(snapshot).at(-1) ?? null
}
