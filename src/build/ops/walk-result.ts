import { TsbuildError } from '../../base/errors.ts'
import type { Answer } from '../../host/native.ts'

export interface WalkedSource {
  /** Entries that the source itself matched, not what is below them. */
  readonly count: number
  /** Names beside a literal source that was not found. */
  readonly near: readonly string[]
}

export interface WalkedSelection {
  readonly id: string
  readonly digest: string
  readonly files: number
  readonly bytes: number
  readonly sources: readonly WalkedSource[]
  /** Sources without wildcards that the ignore list hides, with the index of the pattern. */
  readonly hidden: readonly { readonly source: number; readonly rule: number }[]
}

/** Reads the answer of `walk`. NATIVE_PROTOCOL when it is not one. */
export function parseWalk(answer: Answer): ReadonlyMap<string, WalkedSelection> {
  const { selections } = answer
  if (!Array.isArray(selections)) throw broken()
  return new Map(selections.map(parseSelection).map((selection) => [selection.id, selection]))
}

function parseSelection(value: unknown): WalkedSelection {
  const { id, digest, files, bytes, sources, hidden } = objectOf(value)
  if (typeof id !== 'string' || typeof digest !== 'string' || !Array.isArray(sources)) throw broken()
  return {
    id,
    digest,
    files: numberOf(files),
    bytes: numberOf(bytes),
    sources: sources.map(parseSource),
    hidden: (Array.isArray(hidden) ? hidden : []).map((each) => {
      const { source, rule } = objectOf(each)
      return { source: numberOf(source), rule: numberOf(rule) }
    }),
  }
}

function parseSource(value: unknown): WalkedSource {
  const { count, near } = objectOf(value)
  return { count: numberOf(count), near: Array.isArray(near) ? near.filter((name) => typeof name === 'string') : [] }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw broken()
  return value as Readonly<Record<string, unknown>>
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function broken(): TsbuildError {
  return new TsbuildError('NATIVE_PROTOCOL', 'Cannot read what the native core found in the build context')
}
