import { cancelled, hasCode } from '../base/errors.ts'
import { createLimiter } from '../base/limiter.ts'
import type { Limiter } from '../base/limiter.ts'
import type { LayerFacts, NativeCore } from '../host/native.ts'
import { applyLayer } from '../layer/layer-store.ts'
import { chainId } from '../oci/digest.ts'
import type { ChainId, DiffId, Digest } from '../oci/digest.ts'
import type { DetachedSnapshot, Snapshot, Snapshotter } from '../snapshot/snapshotter.ts'
import type { ContentStore } from '../store/content.ts'
import type { Lease } from '../store/lease.ts'
import type { Store } from '../store/store.ts'

export interface UnpackTools {
  readonly native: NativeCore
  readonly content: ContentStore
  readonly lease: Lease
  readonly snapshots: Snapshotter
  /** Bounds the layers that are unpacked at once. */
  readonly limiter: Limiter
}

/** Layers that are unpacked at once: inflating and hashing keep a core busy each. */
const unpackJobs = 2

export function unpackTools(store: Store, snapshots: Snapshotter, native: NativeCore): UnpackTools {
  return { native, snapshots, content: store.content, lease: store.lease, limiter: createLimiter(unpackJobs) }
}

export interface PackedInput {
  readonly diffId: DiffId
  readonly blob: Digest
  /** Resolves when the blob is in the store; unpacking of other layers does not wait for it. Absent: it is there. */
  readonly arrived?: Promise<void>
}

export interface UnpackOptions {
  readonly signal: AbortSignal
  readonly onProgress?: (layer: PackedInput, done: number, total: number) => void
  readonly onDone?: (layer: PackedInput) => void
}

/**
 * Turns the layers of an image (base first) into a stack of snapshots and gives its top, null for no layers. What is unpacked
 * already is used. The others are unpacked side by side, each into a directory of its own; one that cannot be (LAYER_NEEDS_LOWER)
 * waits for those below. Nothing is left of a stack that fails, but complete layers below the fault.
 */
export async function unpackLayers(
  tools: UnpackTools,
  layers: readonly PackedInput[],
  options: UnpackOptions,
): Promise<Snapshot | null> {
  const chains = chainIds(layers)
  const top = chains.at(-1)
  if (top === undefined) return null
  const known = tools.snapshots.byChain(top)
  if (known !== undefined) return known
  using claim = await tools.lease.claim(`unpack ${top}`, options.signal)
  void claim
  const first = chains.findLastIndex((chain) => tools.snapshots.byChain(chain) !== undefined) + 1
  const below = chains[first - 1]
  let parent = below === undefined ? null : (tools.snapshots.byChain(below) ?? null)

  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const jobs = layers.slice(first).map(async (layer) => {
    await layer.arrived
    return tools.limiter.run(() => unpackAlone(tools, layer, { ...options, signal }), signal)
  })
  for (const job of jobs) job.catch(() => {}) // a later one may fail before its turn below has come
  try {
    for (const [at, job] of jobs.entries()) {
      const layer = layers[first + at]!
      parent = await stack(tools, layer, parent, await job, options)
      options.onDone?.(layer)
    }
    return parent
  } catch (error) {
    stop.abort(error)
    await discardAll(jobs)
    throw options.signal.aborted ? cancelled(options.signal) : error
  }
}

interface Alone {
  readonly snapshot: DetachedSnapshot
  readonly facts: LayerFacts
}

export function chainIds(layers: readonly Pick<PackedInput, 'diffId'>[]): readonly ChainId[] {
  const chains: ChainId[] = []
  for (const { diffId } of layers) chains.push(chainId(chains.at(-1) ?? null, diffId))
  return chains
}

/** Undefined when the layer can only be unpacked on top of the others. */
async function unpackAlone(tools: UnpackTools, layer: PackedInput, options: UnpackOptions): Promise<Alone | undefined> {
  await using stack = new AsyncDisposableStack()
  const snapshot = stack.use(await tools.snapshots.prepareDetached())
  try {
    const facts = await applyLayer(tools.native, tools.content.path(layer.blob), snapshot.tree, {
      mode: 'alone',
      diffId: layer.diffId,
      signal: options.signal,
      onProgress: (done, total) => options.onProgress?.(layer, done, total),
    })
    stack.move()
    return { snapshot, facts }
  } catch (error) {
    if (hasCode(error, 'LAYER_NEEDS_LOWER')) return undefined
    throw error
  }
}

async function stack(
  tools: UnpackTools,
  layer: PackedInput,
  parent: Snapshot | null,
  alone: Alone | undefined,
  options: UnpackOptions,
): Promise<Snapshot> {
  if (alone !== undefined) {
    await using snapshot = alone.snapshot
    return await snapshot.commit(parent, alone.facts)
  }
  await using active = await tools.snapshots.prepare(parent?.id ?? null)
  const facts = await applyLayer(tools.native, tools.content.path(layer.blob), active.tree, {
    mode: 'merged',
    diffId: layer.diffId,
    signal: options.signal,
    onProgress: (done, total) => options.onProgress?.(layer, done, total),
  })
  return await active.commit(facts)
}

async function discardAll(jobs: readonly Promise<Alone | undefined>[]): Promise<void> {
  for (const settled of await Promise.allSettled(jobs)) {
    if (settled.status === 'fulfilled') await settled.value?.snapshot[Symbol.asyncDispose]()
  }
}
