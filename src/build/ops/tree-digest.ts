import { canonicalJson } from '../../base/canonical-json.ts'
import { TsbuildError } from '../../base/errors.ts'
import type { NativeCore } from '../../host/native.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Snapshotter } from '../../snapshot/snapshotter.ts'
import type { Result } from '../solver/operation.ts'
import type { MissingVerb } from './context-files.ts'
import type { CopyAction } from './op.ts'
import { compileSelection } from './selection.ts'
import { parseWalk } from './walk-result.ts'

export interface TreeDigestRequest {
  readonly native: NativeCore
  readonly snapshots: Snapshotter
  readonly result: Result
  readonly actions: readonly Pick<CopyAction, 'sources' | 'exclude' | 'parents'>[]
  readonly verb: MissingVerb
  readonly signal: AbortSignal
}

/** Digest of exactly the files that copies or a mount read from a stage or image, owners included. SOURCE_MISSING for a path that is not there. */
export async function digestSelections({
  native,
  snapshots,
  result,
  actions,
  verb,
  signal,
}: TreeDigestRequest): Promise<string> {
  const compiled = actions.map((action) => compileSelection(action))
  const answer = await native.call(
    'walk',
    {
      root: snapshots.view(result?.id ?? null),
      ignore: null,
      index: null,
      owners: true,
      selections: compiled.map(({ sources, exclude, parents }, at) => ({
        id: `s${at}`,
        sources,
        exclude,
        parents,
        manifest: null,
      })),
    },
    { signal },
  )
  const found = parseWalk(answer)
  return sha256(
    canonicalJson(
      actions.map((action, at) => {
        const selection = found.get(`s${at}`)
        if (selection === undefined) throw new Error('The walk did not answer for a selection')
        for (const [index, { path, wildcard }] of action.sources.entries()) {
          const counts = selection.sources.filter((_, source) => compiled[at]?.written[source] === index)
          if (!wildcard && counts.every(({ count }) => count === 0)) {
            throw new TsbuildError(
              'SOURCE_MISSING',
              `Cannot ${verb} "${path}": it is not in the stage or image that it is taken from`,
              {
                details: { source: path },
              },
            )
          }
        }
        return selection.digest
      }),
    ),
  )
}
