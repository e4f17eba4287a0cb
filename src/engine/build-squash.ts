import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import type { BuiltPlatform } from '../build/export/result-image.ts'
import { layerOf } from '../build/ops/files-operation.ts'
import { shownStep } from '../build/internal-step.ts'
import type { BuildPlan } from '../build/plan/request.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import type { Engine, VerbContext } from './engine.ts'

/** `--squash`: the layers that a build put on its base become one; the base stays as it is. */
export async function squash(
  engine: Engine,
  plans: readonly BuildPlan[],
  built: readonly BuiltPlatform[],
  context: VerbContext,
): Promise<readonly BuiltPlatform[]> {
  return shownStep(context.emit, 'squashing layers', () =>
    Promise.all(built.map((one, at) => squashOne(engine, baseLayers(plans[at]), one, context))),
  )
}

/** Number of layers that come from the base image of the target. */
function baseLayers(plan: BuildPlan | undefined): number {
  let vertex = plan?.target ?? null
  while (vertex !== null && vertex.op.kind !== 'image') vertex = vertex.inputs[0] ?? null
  return vertex?.op.kind === 'image' ? vertex.op.diffIds.length : 0
}

async function squashOne(
  engine: Engine,
  kept: number,
  built: BuiltPlatform,
  { signal }: VerbContext,
): Promise<BuiltPlatform> {
  const { snapshots } = engine
  const chain = built.top === null ? [] : snapshots.chain(built.top.id)
  if (chain.length - kept < 2) return built
  const base = chain[kept - 1] ?? null
  const top = await mergeLayers(engine, { base, layers: chain.slice(kept), epoch: built.epoch }, signal)
  const { config } = built
  const history = config.history ?? []
  const ours = firstOwnEntry(history, kept)
  const last = history.findLast((entry) => entry.created !== undefined)?.created
  return {
    ...built,
    top,
    config: {
      ...config,
      rootfs: { type: 'layers', diff_ids: snapshots.diffIds(top.id) },
      history: [
        ...history.map((entry, at) => (at < ours ? entry : { ...entry, empty_layer: true })),
        { ...(last === undefined ? {} : { created: last }), comment: `squashed ${chain.length - kept} layers` },
      ],
    },
  }
}

/** Index of the first history entry behind those of `layers` layers. */
function firstOwnEntry(history: readonly { readonly empty_layer?: boolean }[], layers: number): number {
  let seen = 0
  for (const [at, entry] of history.entries()) {
    if (seen === layers) return at
    if (entry.empty_layer !== true) seen += 1
  }
  return history.length
}

interface Merge {
  readonly base: Snapshot | null
  readonly layers: readonly Snapshot[]
  readonly epoch: number | undefined
}

/** Applies the layers one after the other onto one writable layer. */
async function mergeLayers(engine: Engine, { base, layers, epoch }: Merge, signal: AbortSignal): Promise<Snapshot> {
  const { native, snapshots, store } = engine
  await using active = await snapshots.prepare(base?.id ?? null)
  for (const layer of layers) {
    const tar = join(store.root, 'tmp', `squash-${randomBytes(8).toString('hex')}`)
    try {
      const none = { kind: 'none', level: 0, threads: 1 }
      await native.call(
        'pack',
        { tree: snapshots.layer(layer.id), out: tar, compression: none, expect: { diffId: layer.diffId } },
        { signal },
      )
      await native.call(
        'apply',
        { blob: tar, mediaCompression: 'none', target: active.tree, mode: 'merged', expect: { diffId: layer.diffId } },
        { signal },
      )
    } finally {
      await rm(tar, { force: true })
    }
  }
  const answer = await native.call(
    'files',
    { target: active.tree, actions: [], commit: { clampMtime: epoch === undefined ? null : Math.max(0, epoch) } },
    { signal },
  )
  return await active.commit(layerOf(answer))
}
