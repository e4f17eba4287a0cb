import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { IgnorePlan } from '@dockerfile/parser'
import type { NativeCore } from '../../host/native.ts'
import type { SelectionPlan } from './selection.ts'
import { parseWalk } from './walk-result.ts'
import type { WalkedSelection } from './walk-result.ts'

/** A folder as the core walks it. */
export interface WalkedFolder {
  readonly path: string
  readonly ignore: IgnorePlan | null
  /** File that remembers content digests between builds. */
  readonly index: string | null
}

export interface WantedSelection {
  readonly id: string
  readonly plan: SelectionPlan
  /** Path where the list of the selected files is written. */
  readonly manifest: string | null
}

/** Digests of what copies select in a folder, found by one walk. */
export async function walkContext(
  native: NativeCore,
  { path, ignore, index }: WalkedFolder,
  selections: readonly WantedSelection[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, WalkedSelection>> {
  if (index !== null) mkdirSync(dirname(index), { recursive: true, mode: 0o700 })
  const answer = await native.call(
    'walk',
    {
      root: { kind: 'dir', path },
      ignore,
      index,
      owners: false,
      selections: selections.map(({ id, plan, manifest }) => ({
        id,
        sources: plan.sources,
        exclude: plan.exclude,
        parents: plan.parents,
        manifest,
      })),
    },
    { signal },
  )
  return parseWalk(answer)
}
