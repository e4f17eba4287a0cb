import type { Fact, Identity, Result, RunContext } from './operation.ts'

/** What is known of a step that was done once. */
export interface CacheRecord {
  readonly definitionKey: string
  /** Absent when every input is read whole. */
  readonly contentKey?: string
  readonly kind: string
  /** The step's name at that time, for people. */
  readonly name: string
  readonly facts: readonly Fact[]
  readonly inputs: readonly RecordedInput[]
  readonly identity: Identity
  /** Milliseconds; the earliest time at which this step gave this result, so that doing it again does not change an image. */
  readonly createdAt: number
}

export interface RecordedInput {
  readonly name: string
  readonly origin?: string
  readonly identity: Identity
  /** Digest of what was read of it, where only a part was. */
  readonly content?: string
}

/** A record that was found, with the way to its files. */
export interface CacheHit extends CacheRecord {
  /** The files, when they are here; undefined when they were evicted or lie in a remote cache. */
  result(): Result | undefined
  /** Brings files of a remote cache here; absent when there are none to bring. */
  readonly fetch?: (context: RunContext) => Promise<Result>
}

/** Memory of earlier builds. All lookups are cheap and synchronous. */
export interface BuildCache {
  /** The newest record under a definition or content key. */
  find(key: string): CacheHit | undefined
  /** Remembers a step; gives the record as stored (its `createdAt` may be older). */
  save(record: CacheRecord, result: Result): CacheHit
  /** Lets the record be found under a further definition key. */
  alias(hit: CacheHit, definitionKey: string): CacheHit
  /** Exclusive right to do the step of `key`, among all processes of the store. */
  claim(key: string, signal: AbortSignal): Promise<Disposable>
  /** Earlier records of ops of this kind, newest first, to explain a miss. */
  earlier(kind: string): readonly CacheRecord[]
}
