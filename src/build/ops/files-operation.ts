import { randomBytes } from 'node:crypto'
import { copyFile, link, rename, rm } from 'node:fs/promises'
import { parseChmod } from '@dockerfile/parser'
import { TsbuildError, hasCode } from '../../base/errors.ts'
import type { Answer, LayerFacts, NativeCore, Tree } from '../../host/native.ts'
import type { Snapshotter } from '../../snapshot/snapshotter.ts'
import { StaleInput } from '../solver/operation.ts'
import type { Fact, InputUse, Operation, Result, RunContext } from '../solver/operation.ts'
import type { BuildVertex, CopyAction, FileAction, FilesOp } from './op.ts'
import type { ContextFiles } from './context-files.ts'
import { baseUse, filesFacts, selectionFact } from './facts.ts'
import { marksOf, reusePlan } from './reuse.ts'
import type { ReusePlan } from './reuse.ts'
import { compileSelection } from './selection.ts'
import type { SelectionPlan } from './selection.ts'
import { digestSelections } from './tree-digest.ts'

export interface FilesServices {
  readonly native: NativeCore
  readonly snapshots: Snapshotter
  readonly contexts: ContextFiles
  /** Path of the list of files that a selection was, by its digest; kept to explain later builds. */
  readonly manifestPath: (digest: string) => string
}

/** COPY, ADD, WORKDIR and inline documents, done by the native core on a snapshot; no process runs in the image. */
export function filesOperation(vertex: BuildVertex, op: FilesOp, services: FilesServices): Operation {
  const { contexts } = services
  return {
    kind: op.kind,
    async cacheMap(signal) {
      const content = await Promise.all(
        op.actions.map(async (action, at): Promise<readonly Fact[]> => {
          if (action.op !== 'copy' || action.from.kind !== 'context') return []
          return [
            { name: selectionFact(op, at), value: await contexts.digest(action.from.name, action, vertex.label.verb) },
          ]
        }),
      )
      signal.throwIfAborted()
      return { facts: [...filesFacts(op), ...content.flat()], inputs: inputUses(vertex, op, services) }
    },
    run: (inputs, context) => run(op, inputs, services, context),
  }
}

/** Input 0 is changed, so all of it counts; of the others only what is copied. */
function inputUses(vertex: BuildVertex, op: FilesOp, { native, snapshots }: FilesServices): readonly InputUse[] {
  return vertex.inputs.map((input, index): InputUse => {
    if (index === 0) return baseUse(vertex)
    const actions = op.actions.filter(
      (action): action is CopyAction =>
        action.op === 'copy' && action.from.kind === 'input' && action.from.index === index,
    )
    return {
      name: `files of ${input?.label.name ?? 'scratch'}`,
      content: (result, signal) => digestSelections({ native, snapshots, result, actions, verb: 'copy', signal }),
    }
  })
}

async function run(
  op: FilesOp,
  inputs: readonly Result[],
  services: FilesServices,
  context: RunContext,
): Promise<Result> {
  const base = inputs[0] ?? null
  const reuse = reusePlan(op, base, services, context.earlier)
  const manifests = new Map<string, string>()
  try {
    const actions = await Promise.all(
      op.actions.map((action) => actionPlan(action, { inputs, services, manifests, reuse })),
    )
    const commit = (layer: string | undefined): object => ({
      clampMtime: op.clamp ?? null,
      marks: layer === undefined ? null : marksOf(layer),
    })
    if (op.detached) {
      await using layer = await services.snapshots.prepareDetached()
      const tree = alone(layer.tree)
      return await layer.commit(base, await change(services.native, tree, actions, commit(upperOf(tree)), context))
    }
    await using active = await services.snapshots.prepare(base?.id ?? null)
    const { tree } = active
    return await active.commit(await change(services.native, tree, actions, commit(upperOf(tree)), context))
  } catch (error) {
    throw hasCode(error, 'FILE_CHANGED') ? stale(op, services.contexts, error) : error
  } finally {
    for (const [path, kept] of manifests) await keepList(path, kept)
  }
}

/** Another step may read the list still. Without it a later build compares contents and explains less. */
async function keepList(path: string, kept: string): Promise<void> {
  const fresh = `${kept}.${randomBytes(6).toString('hex')}`
  try {
    await link(path, fresh).catch(() => copyFile(path, fresh))
    await rename(fresh, kept)
  } catch {
    // See above.
  } finally {
    await rm(fresh, { force: true }) // a rename onto another name of the same file leaves both
  }
}

/** A layer on nothing: what `--link` writes does not look at what it will lie on. */
function alone(tree: Tree): Tree {
  return tree.kind === 'dir' ? { kind: 'layers', lower: [], upper: tree.path } : tree
}

function upperOf(tree: Tree): string | undefined {
  return tree.kind === 'layers' ? tree.upper : undefined
}

async function change(
  native: NativeCore,
  target: Tree,
  actions: readonly object[],
  commit: object,
  { signal }: RunContext,
): Promise<LayerFacts> {
  return layerOf(await native.call('files', { target, actions, commit }, { signal }))
}

/** A change of a context during the build: it is walked again, and the step done again. */
function stale(op: FilesOp, contexts: ContextFiles, error: TsbuildError): StaleInput {
  for (const action of op.actions) {
    if (action.op === 'copy' && action.from.kind === 'context') contexts.forget(action.from.name)
  }
  return new StaleInput(error.message, { cause: error })
}

interface ActionSite {
  readonly inputs: readonly Result[]
  readonly services: FilesServices
  /** Lists of files to keep when the step has ended, by where they are written. */
  readonly manifests: Map<string, string>
  readonly reuse: ReusePlan | null
}

async function actionPlan(action: FileAction, site: ActionSite): Promise<object> {
  const { inputs, services, manifests, reuse } = site
  switch (action.op) {
    case 'mkdir':
      return { op: 'mkdir', path: action.path, mode: action.mode, owner: ownerPlan(action.owner) }
    case 'write': {
      const { op, name, dest, mode } = action
      const data = { b64: Buffer.from(action.data).toString('base64') }
      return { op, name, dest, mode, data, owner: ownerPlan(action.owner), chmod: chmodPlan(action.chmod), mtime: null }
    }
    case 'copy': {
      const { parents, dest, archives, from } = action
      const selection: SelectionPlan = compileSelection(action)
      const shared = {
        op: action.op,
        sources: selection.sources,
        exclude: selection.exclude,
        parents,
        dest,
        owner: ownerPlan(action.owner),
        chmod: chmodPlan(action.chmod),
        archives,
      }
      if (from.kind === 'input') {
        const source = inputs[from.index] ?? null
        const tree = services.snapshots.view(source?.id ?? null)
        return { ...shared, from: tree, ignore: null, owners: 'keep', manifest: null }
      }
      const digest = await services.contexts.digest(from.name, action)
      const manifest = await services.contexts.manifest(from.name, action)
      manifests.set(manifest, services.manifestPath(digest))
      const { path, ignore } = await services.contexts.open(from.name)
      const tree: Tree = { kind: 'dir', path }
      return { ...shared, from: tree, ignore: ignore?.toPlan() ?? null, owners: 'root', manifest, reuse }
    }
  }
}

/** `user[:group]` in two; null keeps what the source has. */
function ownerPlan(owner: string): { readonly user: string; readonly group: string | null } | null {
  if (owner === '') return null
  const colon = owner.indexOf(':')
  return colon < 0 ? { user: owner, group: null } : { user: owner.slice(0, colon), group: owner.slice(colon + 1) }
}

function chmodPlan(text: string): object | null {
  if (text === '') return null
  const parsed = parseChmod(text)
  if (!parsed.ok) throw new Error(`The plan let an invalid mode pass: "${text}"`)
  return parsed.value.kind === 'octal' ? { octal: parsed.value.mode } : { symbolic: parsed.value.text }
}

/** The layer that a plan with `commit` made. */
export function layerOf({ layer }: Answer): LayerFacts {
  if (typeof layer !== 'object' || layer === null || !('diffId' in layer)) {
    throw new TsbuildError('NATIVE_PROTOCOL', 'Cannot read the layer that the native core made')
  }
  return layer as LayerFacts
}
