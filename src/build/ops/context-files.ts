import { nearest } from '@dockerfile/parser'
import type { IgnoreRule } from '@dockerfile/parser'
import { canonicalJson } from '../../base/canonical-json.ts'
import type { Json } from '../../base/canonical-json.ts'
import { TsbuildError } from '../../base/errors.ts'
import type { NativeCore } from '../../host/native.ts'
import type { BuildContext } from '../context/build-context.ts'
import type { CopyAction } from './op.ts'
import { walkContext } from './context-walk.ts'
import type { WantedSelection } from './context-walk.ts'
import { compileSelection } from './selection.ts'
import type { WalkedSelection } from './walk-result.ts'

/** What steps read from build contexts. */
export interface ContextFiles {
  /**
   * Digest of what a copy selects. The first call for a context walks it once, for all copies of the plan.
   * SOURCE_MISSING when a source without wildcards matches nothing.
   */
  digest(context: string, action: CopyAction): Promise<string>
  /** Walks again for one copy and writes the manifest that `files` checks against; gives the digest of that moment. */
  manifest(context: string, action: CopyAction, path: string): Promise<string>
  /** Forgets what the last walk of the context found: a file has changed since. */
  forget(context: string): void
  open(context: string): Promise<BuildContext>
}

export interface ContextFilesOptions {
  readonly native: NativeCore
  readonly open: (name: string) => Promise<BuildContext>
  /** Every copy of the plan that reads a context. */
  readonly copies: readonly CopyAction[]
  readonly signal: AbortSignal
}

export function createContextFiles(options: ContextFilesOptions): ContextFiles {
  const { native, signal } = options
  const contexts = new Map<string, Promise<BuildContext>>()
  const walks = new Map<string, Promise<ReadonlyMap<string, WalkedSelection>>>()

  function open(name: string): Promise<BuildContext> {
    const known = contexts.get(name)
    if (known !== undefined) return known
    const opened = options.open(name)
    contexts.set(name, opened)
    return opened
  }

  async function walk(
    name: string,
    selections: readonly WantedSelection[],
  ): Promise<ReadonlyMap<string, WalkedSelection>> {
    const { path, ignore, index } = await open(name)
    return walkContext(native, { path, ignore: ignore?.toPlan() ?? null, index }, selections, signal)
  }

  function walkAll(name: string): Promise<ReadonlyMap<string, WalkedSelection>> {
    const known = walks.get(name)
    if (known !== undefined) return known
    const wanted = new Map<string, WantedSelection>()
    for (const action of options.copies) {
      if (action.from.kind !== 'context' || action.from.name !== name) continue
      const id = selectionId(action)
      wanted.set(id, { id, plan: compileSelection(action), manifest: null })
    }
    const started = walk(name, [...wanted.values()])
    walks.set(name, started)
    return started
  }

  return {
    open,
    async digest(name, action) {
      const found = (await walkAll(name)).get(selectionId(action))
      if (found === undefined) throw new Error(`The plan did not announce a copy from context "${name}"`)
      requireSources(await open(name), action, found)
      return found.digest
    },
    async manifest(name, action, path) {
      const id = selectionId(action)
      const found = (await walk(name, [{ id, plan: compileSelection(action), manifest: path }])).get(id)
      if (found === undefined) throw new Error('The walk did not answer for the selection it was asked for')
      return found.digest
    },
    forget: (name) => void walks.delete(name),
  }
}

/** Names what a copy selects, wherever it goes to. */
export function selectionId({ sources, exclude, parents }: CopyAction): string {
  return canonicalJson({ sources, exclude, parents } as unknown as Json)
}

/** A source without wildcards must exist; the error names the ignore rule that hides it, or the nearest name beside it. */
function requireSources(context: BuildContext, action: CopyAction, found: WalkedSelection): void {
  const { written } = compileSelection(action)
  for (const [index, source] of action.sources.entries()) {
    const counts = found.sources.filter((_, at) => written[at] === index)
    if (source.wildcard || counts.some(({ count }) => count > 0)) continue
    const hidden = found.hidden.find((each) => written[each.source] === index)
    const rule = hidden === undefined ? undefined : context.ignore?.ruleOf(hidden.rule)
    throw missingSource(
      context,
      source.path.slice(1),
      rule,
      counts.flatMap(({ near }) => near),
    )
  }
}

function missingSource(
  context: BuildContext,
  path: string,
  rule: IgnoreRule | undefined,
  siblings: readonly string[],
): TsbuildError {
  const details = { source: path, context: context.title }
  if (rule !== undefined) {
    return new TsbuildError(
      'SOURCE_MISSING',
      `Cannot copy "${path}": ${rule.file}:${rule.line} hides it with "${rule.pattern}"`,
      {
        hint: `Remove the rule, or add "!${path}" below it`,
        details: { ...details, rule: rule.pattern, ruleFile: rule.file, ruleLine: rule.line },
      },
    )
  }
  const name = path.slice(path.lastIndexOf('/') + 1)
  const near = nearest(name, siblings)
  const hint = near === undefined ? undefined : `Did you mean "${path.slice(0, path.length - name.length)}${near}"?`
  return new TsbuildError('SOURCE_MISSING', `Cannot copy "${path}": it is not in ${context.title}`, {
    ...(hint === undefined ? {} : { hint }),
    details,
  })
}
