import { basename } from 'node:path'
import type { NoticeEvent } from '../base/events.ts'
import type { BuildContext } from '../build/context/build-context.ts'
import { selectionId } from '../build/ops/context-files.ts'
import type { Op } from '../build/ops/op.ts'
import { selectionFact } from '../build/ops/facts.ts'
import { compileSelection } from '../build/ops/selection.ts'
import { rememberedBuilds } from '../build/recall/remembered-build.ts'
import type { BuildKey, RememberedBuild } from '../build/recall/remembered-build.ts'
import { identityOf } from '../build/solver/operation.ts'
import type { Solution, Step } from '../build/solver/solve.ts'
import type { BuiltPlatform } from '../build/export/result-image.ts'
import type { ResolvedImages } from './build-images.ts'
import type { Engine } from './engine.ts'

export interface EndedBuild {
  /** Of `recallable`. */
  readonly key: BuildKey
  /** Those that were opened. */
  readonly contexts: readonly BuildContext[]
  readonly images: ResolvedImages
  readonly solution: Solution<Op>
  readonly built: BuiltPlatform
  readonly annotations: Readonly<Record<string, string>> | undefined
  readonly notices: readonly NoticeEvent[]
}

/** Remembers a build that ended well, unless a step read what no later build can look at in a moment. */
export function rememberBuild({ store }: Engine, ended: EndedBuild): void {
  const { key, contexts, images, solution, built, annotations, notices } = ended
  if (!solution.steps.every(({ vertex }) => isRecallable(vertex.op))) return
  const build: Omit<RememberedBuild, 'digest'> = {
    bases: images.bases(),
    contexts: contexts.flatMap(({ name, ignore, index }) => {
      const selections = solution.steps.flatMap((step) => selectionsOf(step, name))
      if (selections.length === 0 || index === null) return []
      const once = [...new Map(selections.map((selection) => [selection.id, selection])).values()]
      return [{ name, ignore: ignore?.toPlan() ?? null, index: basename(index), selections: once }]
    }),
    records: solution.steps.flatMap(({ record, identity }) =>
      record === undefined ? [] : [{ key: record.definitionKey, identity }],
    ),
    steps: solution.steps.flatMap(({ vertex, status }) =>
      status === 'unused' ? [] : [{ id: vertex.digest, name: vertex.label.name }],
    ),
    notices,
    image: {
      config: built.config,
      top: identityOf(built.top),
      ...(annotations === undefined ? {} : { annotations }),
    },
  }
  rememberedBuilds(store.db).remember(key, build)
}

/** The web, repositories and devices may have changed without a trace in the store. */
function isRecallable(op: Op): boolean {
  switch (op.kind) {
    case 'image':
    case 'files':
      return true
    case 'exec':
      return op.devices.length === 0
    case 'http':
    case 'git':
      return false
  }
}

/** What a step read of a context, by the digests in its record: those that its result was made of. */
function selectionsOf(
  { vertex: { op }, record }: Step<Op>,
  context: string,
): RememberedBuild['contexts'][number]['selections'] {
  if (op.kind !== 'files' || record === undefined) return []
  return op.actions.flatMap((action, at) => {
    if (action.op !== 'copy' || action.from.kind !== 'context' || action.from.name !== context) return []
    const digest = record.facts.find(({ name }) => name === selectionFact(op, at))?.value
    if (digest === undefined) throw new Error('A record does not say what its step copied')
    return [{ id: selectionId(action), plan: compileSelection(action), digest }]
  })
}
