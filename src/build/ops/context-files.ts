import { randomBytes } from 'node:crypto'
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

/** What a step wanted with a file that is missing. */
export type MissingVerb = 'copy' | 'mount'

/** What steps read from build contexts. */
export interface ContextFiles {
  /**
   * Digest of what a copy selects. The first call for a context walks it once, for all copies of the plan.
   * SOURCE_MISSING when a source without wildcards matches nothing.
   */
  digest(context: string, action: CopyAction, verb?: MissingVerb): Promise<string>
  /** Path of the list that the walk behind `digest` made of what the copy selects; `files` checks against it. It lasts as long as the build. */
  manifest(context: string, action: CopyAction): Promise<string>
  /** Forgets what the last walk of the context found: a file has changed since. */
  forget(context: string): void
  open(context: string): Promise<BuildContext>
}

export interface ContextFilesOptions {
  readonly native: NativeCore
  readonly open: (name: string) => Promise<BuildContext>
  /** Every copy of the plan that reads a context. */
  readonly copies: readonly CopyAction[]
  /** Path for a file of this build that is removed after use. */
  readonly temporary: (name: string) => string
  readonly signal: AbortSignal
}

interface Walk {
  readonly found: Promise<ReadonlyMap<string, WalkedSelection>>
  readonly wanted: ReadonlyMap<string, { readonly manifest: string }>
}

export function createContextFiles(options: ContextFilesOptions): ContextFiles {
  const { native, signal, temporary } = options
  const contexts = new Map<string, Promise<BuildContext>>()
  const walks = new Map<string, Walk>()

  function open(name: string): Promise<BuildContext> {
    const known = contexts.get(name)
    if (known !== undefined) return known
    const opened = options.open(name)
    contexts.set(name, opened)
    return opened
  }

  async function walk(name: string, selections: readonly WantedSelection[]): Walk['found'] {
    const { path, ignore, index } = await open(name)
    return walkContext(native, { path, ignore: ignore?.toPlan() ?? null, index }, selections, signal)
  }

  /** The lists are made at once: what asks for a digest will mostly copy, and a second walk costs more than writing them. */
  function walkAll(name: string): Walk {
    const known = walks.get(name)
    if (known !== undefined) return known
    const wanted = new Map<string, WantedSelection & { readonly manifest: string }>()
    for (const action of options.copies) {
      const id = selectionId(action)
      if (action.from.kind !== 'context' || action.from.name !== name || wanted.has(id)) continue
      const manifest = temporary(`manifest-${randomBytes(6).toString('hex')}`)
      wanted.set(id, { id, plan: compileSelection(action), manifest })
    }
    const started = { found: walk(name, [...wanted.values()]), wanted }
    walks.set(name, started)
    return started
  }

  return {
    open,
    async digest(name, action, verb = 'copy') {
      const found = (await walkAll(name).found).get(selectionId(action))
      if (found === undefined) throw notAnnounced(name)
      requireSources(await open(name), action, found, verb)
      return found.digest
    },
    async manifest(name, action) {
      const { found, wanted } = walkAll(name)
      await found
      const list = wanted.get(selectionId(action))
      if (list === undefined) throw notAnnounced(name)
      return list.manifest
    },
    forget: (name) => void walks.delete(name),
  }
}

function notAnnounced(name: string): Error {
  return new Error(`The plan did not announce a copy from context "${name}"`)
}

/** Names what a copy selects, wherever it goes to. */
export function selectionId({ sources, exclude, parents }: CopyAction): string {
  return canonicalJson({ sources, exclude, parents } as unknown as Json)
}

/** A source without wildcards must exist; the error names the ignore rule that hides it, or the nearest name beside it. */
function requireSources(context: BuildContext, action: CopyAction, found: WalkedSelection, verb: MissingVerb): void {
  const { written } = compileSelection(action)
  for (const [index, source] of action.sources.entries()) {
    const counts = found.sources.filter((_, at) => written[at] === index)
    if (source.wildcard || counts.some(({ count }) => count > 0)) continue
    const hidden = found.hidden.find((each) => written[each.source] === index)
    const rule = hidden === undefined ? undefined : context.ignore?.ruleOf(hidden.rule)
    throw missingSource(
      context,
      verb,
      source.path.slice(1),
      rule,
      counts.flatMap(({ near }) => near),
    )
  }
}

function missingSource(
  context: BuildContext,
  verb: MissingVerb,
  path: string,
  rule: IgnoreRule | undefined,
  siblings: readonly string[],
): TsbuildError {
  const details = { source: path, context: context.title }
  if (rule !== undefined) {
    return new TsbuildError(
      'SOURCE_MISSING',
      `Cannot ${verb} "${path}": ${rule.file}:${rule.line} hides it with "${rule.pattern}"`,
      {
        hint: `Remove the rule, or add "!${path}" below it`,
        details: { ...details, rule: rule.pattern, ruleFile: rule.file, ruleLine: rule.line },
      },
    )
  }
  const name = path.slice(path.lastIndexOf('/') + 1)
  const near = nearest(name, siblings)
  const hint = near === undefined ? undefined : `Did you mean "${path.slice(0, path.length - name.length)}${near}"?`
  return new TsbuildError('SOURCE_MISSING', `Cannot ${verb} "${path}": it is not in ${context.title}`, {
    ...(hint === undefined ? {} : { hint }),
    details,
  })
}
