import { TsbuildError } from '../../base/errors.ts'
import type { ErrorOptions } from '../../base/errors.ts'
import type { Emit } from '../../base/events.ts'
import type { Snapshot } from '../../snapshot/snapshotter.ts'

/** What a vertex makes: a stack of layers; null is the empty root. */
export type Result = Snapshot | null

/** Names a result by its content: the ChainID of its stack, or `scratch`. Equal identities are equal file systems. */
export type Identity = string

export function identityOf(result: Result): Identity {
  return result === null ? 'scratch' : result.chainId
}

/**
 * One thing that decides a result, by name: `command`, `ENV PATH`, `files`. The key of a step is the digest of its facts and of
 * its inputs' identities, so a miss is always explained by the first fact or input that differs.
 */
export interface Fact {
  /** For people, unique within the step. */
  readonly name: string
  /** In clear, or a digest where the value is long or not for everybody's eyes. */
  readonly value: string
}

/** How a step depends on one of its inputs. */
export interface InputUse {
  /** For people: `base`, `stage "build"`. */
  readonly name: string
  /** What the input is, for people, where no step made it: the digest of an image. */
  readonly origin?: string
  /**
   * Digest of exactly the files that the step reads from the input, when it does not read all of it. Asked only when the
   * input's identity is not known to the cache, because it needs the input's files.
   */
  readonly content?: (result: Result, signal: AbortSignal) => Promise<string>
}

export interface CacheMap {
  readonly facts: readonly Fact[]
  /** One for each input of the vertex. */
  readonly inputs: readonly InputUse[]
}

export interface RunContext {
  /** Names the step in events. */
  readonly id: string
  readonly emit: Emit
  readonly signal: AbortSignal
  /** What the nearest earlier form of the step made, where its files are still here: what did not change since may be taken from it. */
  readonly earlier?: EarlierResult
}

/** A result with what decided it. */
export interface EarlierResult {
  readonly facts: readonly Fact[]
  readonly inputs: readonly Identity[]
  readonly snapshot: Snapshot
}

/** A vertex, able to act. The solver knows no more of an op than this. */
export interface Operation {
  /** Such as `exec`; part of the key. */
  readonly kind: string
  /** The result's identity, for ops that know it without running (an image names its layers). Such a step needs no cache record. */
  readonly identity?: Identity
  /** What decides the result. May look at the world (a URL's validator, a git ref). Called once. */
  cacheMap(signal: AbortSignal): Promise<CacheMap>
  /** Does it. Must leave nothing behind when it rejects. */
  run(inputs: readonly Result[], context: RunContext): Promise<Result>
}

/** Thrown by `run` when what `cacheMap` read has changed since: the step is keyed and done again. */
export class StaleInput extends TsbuildError {
  override readonly name = 'StaleInput'

  constructor(message: string, options: ErrorOptions = {}) {
    super('FILE_CHANGED', message, { hint: 'Build again when nothing writes to the build context', ...options })
  }
}
