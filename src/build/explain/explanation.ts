import type { BuildVertex } from '../ops/op.ts'
import type { Cause } from '../solver/cause.ts'
import { changeOfFile, compareManifests, readManifest } from './file-manifest.ts'
import type { Differences } from './file-manifest.ts'

/** Why a step ran, for people and programs. */
export interface Explanation {
  /** `base`: the image that it stands on; `input`: another step. */
  readonly kind: 'no-cache' | 'new' | 'evicted' | 'file' | 'variable' | 'base' | 'input' | 'setting'
  /** What differs: a path, a variable, `command`, `destination`, a mount, the step or image below. */
  readonly name?: string
  /** How: `content`, `added`, `removed`, `mode`; or the values, where they may be shown. */
  readonly change?: string
  readonly before?: string
  readonly after?: string
  /** Further files that differ. */
  readonly more?: number
}

/** Explains why a vertex ran; `manifest` gives the file that lists what a selection of context files was. */
export function explainCause(vertex: BuildVertex, cause: Cause, manifest: (digest: string) => string): Explanation {
  switch (cause.kind) {
    case 'ignored':
      return { kind: 'no-cache' }
    case 'first':
      return { kind: 'new' }
    case 'evicted':
      return { kind: 'evicted' }
    case 'input':
      return inputExplanation(vertex, cause)
    case 'fact':
      return factExplanation(cause, manifest)
  }
}

function inputExplanation(
  { inputs: [base] }: BuildVertex,
  { name, before, after }: Extract<Cause, { readonly kind: 'input' }>,
): Explanation {
  if (name !== 'base') return { kind: 'input', name }
  const step = base?.label.name ?? 'scratch'
  return base?.op.kind === 'image' ? { kind: 'base', name: step, before, after } : { kind: 'input', name: step }
}

function factExplanation(
  cause: Extract<Cause, { readonly kind: 'fact' }>,
  manifest: (digest: string) => string,
): Explanation {
  const { name, before, after } = cause
  const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'
  const [, prefix = '', rest = name] = /^(\d+\. )?(.*)$/s.exec(name) ?? []
  if (rest === 'files' && before !== undefined && after !== undefined) {
    const { first, count } = fileDifferences(manifest(before), manifest(after))
    if (first !== undefined) {
      const more = count - 1
      return { kind: 'file', name: first.path, change: first.change, ...(more > 0 ? { more } : {}) }
    }
    return { kind: 'file', name: 'the sources', change: 'content' }
  }
  if (rest.startsWith('variable ')) return { kind: 'variable', name: rest.slice('variable '.length), change }
  const shown = { ...(isClear(before) ? { before } : {}), ...(isClear(after) ? { after } : {}) }
  return { kind: 'setting', name: prefix + rest, change, ...shown }
}

function fileDifferences(before: string, after: string): Differences<string> {
  const [old, now] = [readManifest(before), readManifest(after)]
  return old === undefined || now === undefined
    ? { count: 0, first: undefined }
    : compareManifests(old, now, changeOfFile)
}

/** Values that stand in the record as they are, not as a digest. */
function isClear(value: string | undefined): value is string {
  return value !== undefined && !/^(?:sha256|blake3):[0-9a-f]{64}$/.test(value)
}

/** One line for people. */
export function explanationText({ kind, name = '', change, before, after, more }: Explanation): string {
  switch (kind) {
    case 'no-cache':
      return 'the cache was to be ignored (--no-cache)'
    case 'new':
      return 'the cache knows no earlier form of it'
    case 'evicted':
      return 'its result was removed from the cache'
    case 'base':
      return `the base image changed from ${before ?? ''} to ${after ?? ''}: ${name}`
    case 'input':
      return `what it stands on is new: ${name}`
    case 'variable':
      return `variable ${name} ${change ?? 'changed'}`
    case 'file': {
      const others = more === undefined ? '' : ` (and ${more} more)`
      return change === 'added' || change === 'removed'
        ? `file ${name} was ${change}${others}`
        : `${change ?? 'content'} of ${name} changed${others}`
    }
    case 'setting':
      return before !== undefined && after !== undefined
        ? `${name} changed from ${before === '' ? 'nothing' : before} to ${after === '' ? 'nothing' : after}`
        : `${name} ${change === 'added' ? 'is new' : change === 'removed' ? 'is gone' : 'changed'}`
  }
}
