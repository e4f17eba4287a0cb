import { join } from 'node:path'
import { mkdir, rm } from 'node:fs/promises'
import { TsbuildError } from '../base/errors.ts'
import type { Emit } from '../base/events.ts'
import { compareManifests, readManifest } from '../build/explain/file-manifest.ts'
import type { FileDifference } from '../build/explain/file-manifest.ts'
import type { Tree } from '../host/native.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import { executeBuild } from './build-execute.ts'
import type { ExecuteOptions, ExecutedBuild } from './build-execute.ts'
import type { BuildRequest } from './build-request.ts'
import type { Engine, VerbContext } from './engine.ts'

/**
 * `--verify`: runs every step twice and compares the layers. NOT_REPRODUCIBLE names the first step and path that differ. What was
 * made last stays in the cache.
 */
export async function verifyBuild(
  engine: Engine,
  request: BuildRequest,
  options: ExecuteOptions,
  context: VerbContext,
): Promise<void> {
  const again: BuildRequest = { ...request, noCache: true, outputs: [{ kind: 'none' }], cacheFrom: [], cacheTo: [] }
  // The build that follows says its notices once.
  const emit: Emit = (event) => (event.kind === 'notice' ? undefined : context.emit(event))
  const first = await executeBuild(engine, again, options, { ...context, emit })
  const second = await executeBuild(engine, again, options, { ...context, emit })
  for (const [at, { top }] of first.built.entries()) {
    const other = second.built[at]?.top ?? null
    if (top === null || other === null || top.chainId === other.chainId) continue
    throw await difference(engine, top, other, { first, scratch: options.scratch })
  }
}

async function difference(
  engine: Engine,
  top: Snapshot,
  other: Snapshot,
  { first, scratch }: { readonly first: ExecutedBuild; readonly scratch: string },
): Promise<TsbuildError> {
  const [one, two] = [engine.snapshots.chain(top.id), engine.snapshots.chain(other.id)]
  const at = one.findIndex((snapshot, index) => snapshot.diffId !== two[index]?.diffId)
  const [before, after] = [one[at], two[at]]
  if (before === undefined || after === undefined) {
    return new TsbuildError('NOT_REPRODUCIBLE', `Two builds gave ${one.length} and ${two.length} layers`)
  }
  const step = first.stepOf(before.chainId) ?? `layer ${at + 1}`
  const [found] = await layerDifferences(engine, before, after, scratch)
  const what = found === undefined ? 'its layer' : `${describe(found)} "/${found.path}"`
  return new TsbuildError('NOT_REPRODUCIBLE', `Two builds differ: ${what} in step ${step}`, {
    hint:
      found?.change === 'time'
        ? 'Pass --reproducible, or SOURCE_DATE_EPOCH, so that times do not count'
        : 'Let the step give the same result each time: no times, random numbers, or unpinned downloads',
    details: { step, ...(found === undefined ? {} : { path: found.path, change: found.change }) },
  })
}

type LayerDifference = Omit<FileDifference, 'change'> & { readonly change: FileDifference['change'] | 'time' }

async function layerDifferences(
  engine: Engine,
  before: Snapshot,
  after: Snapshot,
  scratch: string,
): Promise<readonly LayerDifference[]> {
  await mkdir(scratch, { recursive: true, mode: 0o700 })
  const [one, two] = await Promise.all(
    [before, after].map((layer, at) => listing(engine, layer, join(scratch, `verify-${at}`))),
  )
  if (one === undefined || two === undefined) return []
  const changed = compareManifests(one, two)
  if (changed.length > 0) return changed
  const late = [...one].filter(([path, { mtime }]) => seconds(mtime) !== seconds(two.get(path)?.mtime ?? mtime))
  // A directory's time may differ without being in the layer, and follows from what was made in it.
  return late
    .toSorted(([, a], [, b]) => Number(isDirectory(a.mode)) - Number(isDirectory(b.mode)))
    .map(([path]) => ({ path, change: 'time' as const }))
}

function isDirectory(mode: number): boolean {
  return (mode & 0o170000) === 0o040000
}

/** Layers keep whole seconds. */
function seconds(nanoseconds: bigint): bigint {
  return nanoseconds / 1_000_000_000n
}

/** The files of one layer alone. */
async function listing(
  { native, snapshots }: Engine,
  layer: Snapshot,
  path: string,
): Promise<ReturnType<typeof readManifest>> {
  const tree = snapshots.layer(layer.id)
  const own: Tree = tree.kind === 'layers' && tree.upper !== undefined ? { kind: 'dir', path: tree.upper } : tree
  const selection = { id: 'layer', sources: [{ path: '' }], exclude: null, parents: false, manifest: path }
  try {
    await native.call('walk', { root: own, ignore: null, index: null, owners: true, selections: [selection] })
    return readManifest(path)
  } finally {
    await rm(path, { force: true })
  }
}

function describe({ change }: LayerDifference): string {
  switch (change) {
    case 'added':
    case 'removed':
      return 'only one has'
    case 'content':
      return 'the content of'
    case 'mode':
      return 'the mode of'
    case 'type':
      return 'the type of'
    case 'time':
      return 'the time of'
  }
}
