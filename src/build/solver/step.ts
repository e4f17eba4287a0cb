import { messageOf } from '../../base/errors.ts'
import type { VertexEvent } from '../../base/events.ts'
import type { Digest } from '../../oci/digest.ts'
import type { CacheHit, CacheRecord, RecordedInput } from './cache.ts'
import { findCause } from './cause.ts'
import type { Cause } from './cause.ts'
import { contentKey, definitionKey } from './key.ts'
import { StaleInput, identityOf } from './operation.ts'
import type { CacheMap, EarlierResult, Identity, Operation, Result, RunContext } from './operation.ts'
import type { SolveOptions, Step, StepStatus } from './solve.ts'
import type { Vertex } from './vertex.ts'

export interface Stepper<Op> {
  /** The vertex's files, made when nobody has them. */
  materialise(vertex: Vertex<Op>): Promise<Result>
  /** What became of the vertex, after its users are done. */
  settle(vertex: Vertex<Op>): Promise<Step<Op>>
}

interface Supervisor<Op> {
  readonly signal: AbortSignal
  tell(vertex: Vertex<Op>, state: VertexEvent['state']): void
  start<T>(job: () => Promise<T>): Promise<T>
  failed(vertex: Vertex<Op>, error: unknown): void
}

/** A file that changes while it is read is read again this many times before the build gives up. */
const staleRetries = 3

interface State<Op> {
  readonly vertex: Vertex<Op>
  readonly operation: Operation
  readonly inputs: readonly (State<Op> | null)[]
  map: CacheMap
  identity: Identity
  createdAt: number
  status: StepStatus
  cause?: Cause
  /** The record that told the identity. */
  hit?: CacheHit
  record?: CacheRecord
  told: boolean
  result?: Promise<Result>
}

/**
 * Takes vertices from "described" over "identity known" (a record, or it ran) to "files here". Records are looked at from the
 * base up; files are only brought about for what runs, for content that must be compared, and for targets.
 */
export function createStepper<Op>(options: SolveOptions<Op>, supervisor: Supervisor<Op>): Stepper<Op> {
  const { cache } = options
  const { signal } = supervisor
  const states = new Map<Digest, Promise<State<Op>>>()

  function identify(vertex: Vertex<Op>): Promise<State<Op>> {
    const known = states.get(vertex.digest)
    if (known !== undefined) return known
    const started = supervisor.start(() => guarded(vertex, () => look(vertex)))
    states.set(vertex.digest, started)
    return started
  }

  async function look(vertex: Vertex<Op>): Promise<State<Op>> {
    const inputs = await Promise.all(vertex.inputs.map(async (input) => (input === null ? null : identify(input))))
    signal.throwIfAborted()
    const operation = options.operation(vertex)
    const state: State<Op> = {
      vertex,
      operation,
      inputs,
      map: { facts: [], inputs: [] },
      identity: operation.identity ?? '',
      createdAt: 0,
      status: 'unused',
      told: false,
    }
    if (operation.identity !== undefined) {
      if (options.byIdentity(operation.identity) !== undefined) tellCached(state)
      return state
    }
    state.map = await operation.cacheMap(signal)
    const hit = vertex.label.ignoreCache ? undefined : await findRecord(state)
    if (hit === undefined) await files(state)
    else adopt(state, hit)
    return state
  }

  async function findRecord(state: State<Op>): Promise<CacheHit | undefined> {
    const key = keyOf(state)
    const hit = cache.find(key)
    if (hit !== undefined || state.map.inputs.every((use) => use.content === undefined)) return hit
    const inputs = await readInputs(state)
    const same = cache.find(contentKeyOf(state, inputs))
    // The next build finds it without reading the input.
    return same === undefined ? undefined : cache.alias(same, keyOf(state))
  }

  /** Identities of the inputs, with the digest of what is read of them where that is less than all. */
  async function readInputs(state: State<Op>): Promise<RecordedInput[]> {
    return Promise.all(
      state.map.inputs.map(async ({ content, ...use }, index): Promise<RecordedInput> => {
        const input = state.inputs[index] ?? null
        if (content === undefined) return { ...use, identity: identityAt(state, index) }
        const result = input === null ? null : await files(input)
        return { ...use, identity: identityOf(result), content: await content(result, signal) }
      }),
    )
  }

  function adopt(state: State<Op>, hit: CacheHit): void {
    Object.assign(state, { hit, record: hit, identity: hit.identity, createdAt: hit.createdAt, status: 'cached' })
    if (hit.result() !== undefined || hit.fetch !== undefined) tellCached(state)
  }

  function tellCached(state: State<Op>): void {
    state.status = 'cached'
    if (state.told) return
    state.told = true
    supervisor.tell(state.vertex, 'cached')
  }

  function files(state: State<Op>): Promise<Result> {
    state.result ??= supervisor.start(() => guarded(state.vertex, () => bring(state)))
    return state.result
  }

  async function bring(state: State<Op>): Promise<Result> {
    const present = state.identity === '' ? undefined : (state.hit?.result() ?? options.byIdentity(state.identity))
    if (present !== undefined) return present
    const fetched = await fetchRemote(state)
    if (fetched !== undefined) return fetched
    const inputs = await Promise.all(state.inputs.map(async (input) => (input === null ? null : files(input))))
    if (state.operation.identity !== undefined) return run(state, inputs)
    for (let attempt = 1; ; attempt++) {
      try {
        return await perform(state, inputs)
      } catch (error) {
        if (!(error instanceof StaleInput) || attempt > staleRetries) throw error
        state.map = await state.operation.cacheMap(signal)
      }
    }
  }

  /** A remote cache that fails is no reason to fail: the step is then done here. */
  async function fetchRemote(state: State<Op>): Promise<Result | undefined> {
    if (state.hit?.fetch === undefined) return undefined
    try {
      return await state.hit.fetch(runContext(state))
    } catch (error) {
      signal.throwIfAborted()
      const text = `The cached result of "${state.vertex.label.name}" cannot be fetched, so the step is done again: ${messageOf(error)}`
      options.emit({ kind: 'notice', level: 'warning', text })
      return undefined
    }
  }

  /** Runs the step and records it, unless another process did so while we waited for it. */
  async function perform(state: State<Op>, inputs: readonly Result[]): Promise<Result> {
    const { vertex, map, operation } = state
    const recorded = await readInputs(state)
    const key = keyOf(state)
    using _claim = await cache.claim(key, signal)
    const { name } = vertex.label
    const partial = map.inputs.some((use) => use.content !== undefined)
    const meanwhile = vertex.label.ignoreCache ? undefined : cache.find(key)
    const made = meanwhile?.result()
    if (meanwhile !== undefined && made !== undefined) {
      adopt(state, meanwhile)
      return made
    }
    state.cause = vertex.label.ignoreCache
      ? { kind: 'ignored' }
      : findCause({ name, facts: map.facts, inputs: recorded }, cache.earlier(operation.kind))
    options.onCause?.(vertex, state.cause)
    const result = await run(state, inputs, earlierResult(state.cause))
    const record = cache.save(
      {
        definitionKey: key,
        ...(partial ? { contentKey: contentKeyOf(state, recorded) } : {}),
        kind: operation.kind,
        name,
        facts: map.facts,
        inputs: recorded,
        identity: identityOf(result),
        createdAt: options.now(),
      },
      result,
    )
    Object.assign(state, { record, identity: record.identity, createdAt: record.createdAt })
    return result
  }

  /** The files of the record that the cause was found by. */
  function earlierResult(cause: Cause): EarlierResult | undefined {
    if (!('record' in cause)) return undefined
    const { identity: made, facts, inputs } = cause.record
    const snapshot = options.byIdentity(made) ?? undefined
    return snapshot && { facts, inputs: inputs.map(({ identity }) => identity), snapshot }
  }

  async function run(state: State<Op>, inputs: readonly Result[], earlier?: EarlierResult): Promise<Result> {
    return options.limiter.run(async () => {
      supervisor.tell(state.vertex, 'running')
      state.told = true
      const context = runContext(state)
      const result = await state.operation.run(inputs, earlier === undefined ? context : { ...context, earlier })
      state.status = 'ran'
      supervisor.tell(state.vertex, 'done')
      return result
    }, signal)
  }

  function runContext(state: State<Op>): RunContext {
    return { id: state.vertex.digest, emit: options.emit, signal }
  }

  /** Reports the error of a step once, where it arose; errors that come from inputs were reported there. */
  async function guarded<T>(vertex: Vertex<Op>, job: () => Promise<T>): Promise<T> {
    try {
      return await job()
    } catch (error) {
      if (error instanceof Reported) throw error
      supervisor.failed(vertex, error)
      throw new Reported(error)
    }
  }

  return {
    async materialise(vertex) {
      return files(await identify(vertex))
    },
    async settle(vertex) {
      const state = await identify(vertex)
      if (state.status === 'cached') tellCached(state)
      const { status, identity, createdAt, cause, record } = state
      return {
        vertex,
        status,
        identity,
        createdAt,
        ...(cause === undefined ? {} : { cause }),
        ...(record === undefined ? {} : { record }),
      }
    },
  }
}

/** Marks an error that the supervisor knows already. */
class Reported extends Error {
  constructor(cause: unknown) {
    super('A step of the build failed', { cause })
  }
}

function identityAt<Op>(state: State<Op>, index: number): Identity {
  return state.inputs[index]?.identity ?? identityOf(null)
}

function keyOf<Op>({ operation, map, inputs }: State<Op>): string {
  return definitionKey(
    operation.kind,
    map.facts,
    inputs.map((input) => input?.identity ?? identityOf(null)),
  )
}

function contentKeyOf<Op>({ operation, map }: State<Op>, inputs: readonly RecordedInput[]): string {
  return contentKey(
    operation.kind,
    map.facts,
    inputs.map((input) => input.content ?? input.identity),
  )
}
