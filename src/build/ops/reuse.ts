import { dirname, join } from 'node:path'
import type { Snapshotter } from '../../snapshot/snapshotter.ts'
import { identityOf } from '../solver/operation.ts'
import type { EarlierResult, Result } from '../solver/operation.ts'
import { filesFacts, selectionFact } from './facts.ts'
import type { FilesOp } from './op.ts'

/** The layer of an earlier copy, as the plan `files` carries it: what is the same in content and metadata is linked from it. */
export interface ReusePlan {
  readonly layer: string
  /** What that copy read, where its files stand for those of this copy by path; null: they are compared by content. */
  readonly manifest: string | null
  /** Marks along the earlier layer's archive. */
  readonly marks: string
}

export interface ReuseServices {
  readonly snapshots: Snapshotter
  readonly manifestPath: (digest: string) => string
}

/** Where the core keeps what it needs to go on in the middle of a layer's archive: beside the layer, and gone with it. */
export function marksOf(layer: string): string {
  return join(dirname(layer), 'marks')
}

/**
 * What a copy can take from its earlier form. The digests that the earlier copy wrote down are believed only where nothing but
 * the files differs: with another source, destination or base the same path could be another file's copy.
 */
export function reusePlan(
  op: FilesOp,
  base: Result,
  { snapshots, manifestPath }: ReuseServices,
  earlier: EarlierResult | undefined,
): ReusePlan | null {
  if (earlier === undefined) return null
  const layer = snapshots.layer(earlier.snapshot.id)
  if (layer.kind !== 'layers' || layer.upper === undefined) return null
  const facts = new Map(earlier.facts.map(({ name, value }) => [name, value]))
  const files = facts.get(selectionFact(op, 0))
  const sameCopy =
    op.actions.length === 1 &&
    (op.detached || earlier.inputs[0] === identityOf(base)) &&
    filesFacts(op).every(({ name, value }) => facts.get(name) === value)
  return {
    layer: layer.upper,
    marks: marksOf(layer.upper),
    manifest: sameCopy && files !== undefined ? manifestPath(files) : null,
  }
}
