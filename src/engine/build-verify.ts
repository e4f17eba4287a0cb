import { join } from 'node:path'
import { mkdir, rm } from 'node:fs/promises'
import { TsbuildError } from '../base/errors.ts'
import type { Emit } from '../base/events.ts'
import { changeOfFile, compareManifests, readManifest } from '../build/explain/file-manifest.ts'
import type { FileChange, FileDifference, ManifestEntry } from '../build/explain/file-manifest.ts'
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
  const found = await firstDifference(engine, before, after, scratch)
  const what = found === undefined ? 'its layer' : `${describe(found)} "/${found.path}"`
  return new TsbuildError('NOT_REPRODUCIBLE', `Two builds differ: ${what} in step ${step}`, {
    hint:
      found?.change === 'time'
        ? 'Pass --reproducible, or SOURCE_DATE_EPOCH, so that times do not count'
        : 'Let the step give the same result each time: no times, random numbers, or unpinned downloads',
    details: { step, ...(found === undefined ? {} : { path: found.path, change: found.change }) },
  })
}

type LayerDifference = FileDifference<FileChange | 'time'>

async function firstDifference(
  engine: Engine,
  before: Snapshot,
  after: Snapshot,
  scratch: string,
): Promise<LayerDifference | undefined> {
  await mkdir(scratch, { recursive: true, mode: 0o700 })
  const paths = [join(scratch, 'verify-0'), join(scratch, 'verify-1')] as const
  try {
    await Promise.all([list(engine, before, paths[0]), list(engine, after, paths[1])])
    const [one, two] = paths.map(readManifest)
    if (one === undefined || two === undefined) return undefined
    return compareManifests(one, two, changeOfFile).first ?? firstLate(one, two)
  } finally {
    await Promise.all(paths.map((path) => rm(path, { force: true })))
  }
}

/** Files that differ in their times alone. A directory's may differ without being in the layer, and follows from what was made in it. */
function firstLate(one: Iterable<ManifestEntry>, two: Iterable<ManifestEntry>): LayerDifference | undefined {
  const late = (directories: boolean): LayerDifference | undefined =>
    compareManifests(one, two, ({ mode, mtime }, other) =>
      isDirectory(mode) === directories && !isDeletion(mode) && seconds(mtime) !== seconds(other.mtime)
        ? 'time'
        : undefined,
    ).first
  return late(false) ?? late(true)
}

function isDirectory(mode: number): boolean {
  return (mode & 0o170000) === 0o040000
}

/** What overlayfs has for a deleted name, whose time is not in the layer; the rare device node is not told from it. */
function isDeletion(mode: number): boolean {
  return (mode & 0o170000) === 0o020000
}

/** Layers keep whole seconds. */
function seconds(nanoseconds: bigint): bigint {
  return nanoseconds / 1_000_000_000n
}

/** Lists the files of one layer alone. */
async function list({ native, snapshots }: Engine, layer: Snapshot, manifest: string): Promise<void> {
  const tree = snapshots.layer(layer.id)
  const own: Tree = tree.kind === 'layers' && tree.upper !== undefined ? { kind: 'dir', path: tree.upper } : tree
  const selection = { id: 'layer', sources: [{ path: '' }], exclude: null, parents: false, manifest }
  await native.call('walk', { root: own, ignore: null, index: null, owners: true, selections: [selection] })
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
