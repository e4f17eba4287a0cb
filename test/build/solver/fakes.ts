import type { Event } from '../../../src/base/events.ts'
import { createLimiter } from '../../../src/base/limiter.ts'
import type { BuildCache, CacheHit, CacheRecord } from '../../../src/build/solver/cache.ts'
import type { Operation, Result, RunContext } from '../../../src/build/solver/operation.ts'
import type { SolveOptions } from '../../../src/build/solver/solve.ts'
import { makeVertex } from '../../../src/build/solver/vertex.ts'
import type { Vertex } from '../../../src/build/solver/vertex.ts'
import { sha256 } from '../../../src/oci/digest.ts'
import type { ChainId } from '../../../src/oci/digest.ts'
import type { Snapshot, SnapshotId } from '../../../src/snapshot/snapshotter.ts'

/** A file system of these tests: one text. Equal texts are equal snapshots. */
export function fakeSnapshot(text: string): Snapshot {
  const digest = sha256(text)
  return {
    id: 1 as SnapshotId,
    parent: null,
    chainId: digest as ChainId,
    diffId: digest,
    size: text.length,
    bytes: text.length,
  }
}

/** An op of these tests. `name` and `reads` decide the key; `make` is the effect. */
export interface FakeOp {
  readonly name: string
  /** Parts of inputs that count, by index; other inputs count whole. */
  readonly reads?: Readonly<Record<number, string>>
  readonly image?: string
}

/** A world of named ops, a cache that outlives solves, and what happened. */
export class World {
  readonly ran: string[] = []
  readonly events: Event[] = []
  readonly records: CacheRecord[] = []
  readonly texts = new Map<string, string>()
  evicted = new Set<string>()
  time = 1000
  /** What a run does besides its text; keyed by op name. */
  effects: Record<string, (context: RunContext) => Promise<void>> = {}
  /** Overrides the text that a run makes. */
  outputs: Record<string, string> = {}
  /** Parts of a text by selector. */
  parts: (text: string, selector: string) => string = (text, selector) => `${text}/${selector}`

  vertex(op: FakeOp, inputs: readonly (Vertex<FakeOp> | null)[] = [], ignoreCache = false): Vertex<FakeOp> {
    return makeVertex(op, inputs, { name: op.name, ignoreCache })
  }

  text(result: Result): string {
    return result === null ? '' : (this.texts.get(result.chainId) ?? '?')
  }

  options(jobs = 4, signal: AbortSignal = new AbortController().signal): SolveOptions<FakeOp> {
    return {
      operation: (vertex) => this.operation(vertex),
      cache: this.cache(),
      byIdentity: (identity) => this.stored(identity),
      limiter: createLimiter(jobs),
      emit: (event) => void this.events.push(event),
      signal,
      now: () => (this.time += 1),
    }
  }

  states(name: string): string[] {
    return this.events.flatMap((event) => (event.kind === 'vertex' && event.name === name ? [event.state] : []))
  }

  private stored(identity: string): Result | undefined {
    if (identity === 'scratch') return null
    const text = this.texts.get(identity)
    return text === undefined || this.evicted.has(identity) ? undefined : fakeSnapshot(text)
  }

  private operation({ op }: Vertex<FakeOp>): Operation {
    return {
      kind: 'fake',
      ...(op.image === undefined ? {} : { identity: fakeSnapshot(op.image).chainId }),
      cacheMap: async () => ({
        facts: [{ name: 'op', value: op.name }],
        inputs: [0, 1, 2].map((index) => {
          const selector = op.reads?.[index]
          return {
            name: `input ${index}`,
            ...(selector === undefined
              ? {}
              : { content: async (result: Result) => this.parts(this.text(result), selector) }),
          }
        }),
      }),
      run: async (inputs, context) => {
        this.ran.push(op.name)
        await this.effects[op.name]?.(context)
        const text =
          op.image ?? this.outputs[op.name] ?? `${op.name}(${inputs.map((input) => this.text(input)).join(',')})`
        const snapshot = fakeSnapshot(text)
        this.texts.set(snapshot.chainId, text)
        this.evicted.delete(snapshot.chainId)
        return snapshot
      },
    }
  }

  private cache(): BuildCache {
    const held = new Map<string, Promise<void>>()
    const toHit = (record: CacheRecord): CacheHit => ({ ...record, result: () => this.stored(record.identity) })
    const save = (record: CacheRecord): CacheHit => {
      this.records.unshift(record)
      return toHit(record)
    }
    return {
      find: (key) => {
        const record = this.records.find((each) => each.definitionKey === key || each.contentKey === key)
        return record === undefined ? undefined : toHit(record)
      },
      save,
      alias: (hit, definitionKey) => save({ ...hit, definitionKey }),
      claim: async (key) => {
        while (held.has(key)) await held.get(key)
        const { promise, resolve } = Promise.withResolvers<void>()
        held.set(key, promise)
        return {
          [Symbol.dispose]: () => {
            held.delete(key)
            resolve()
          },
        }
      },
      earlier: () => this.records,
    }
  }
}
