import type { Emit, VertexEvent } from '../../base/events.ts'
import type { Limiter } from '../../base/limiter.ts'
import { cancelled, messageOf } from '../../base/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import type { BuildCache, CacheRecord } from './cache.ts'
import type { Cause } from './cause.ts'
import type { Identity, Operation, Result } from './operation.ts'
import { createStepper } from './step.ts'
import { walkVertices } from './vertex.ts'
import type { Vertex } from './vertex.ts'

export interface SolveOptions<Op> {
  /** Turns a vertex into something that can act; called once for each vertex. */
  readonly operation: (vertex: Vertex<Op>) => Operation
  readonly cache: BuildCache
  /** The stack of that identity, when it is in the store. */
  readonly byIdentity: (identity: Identity) => Result | undefined
  /** Bounds the steps that run at once. */
  readonly limiter: Limiter
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly now: () => number
  /** Told why a step has to run, before it does. */
  readonly onCause?: (vertex: Vertex<Op>, cause: Cause) => void
  /** Turns the error of a step into the one that the user sees. */
  readonly explainFailure?: (vertex: Vertex<Op>, error: unknown) => unknown
}

/** `unused`: an image whose layers nobody needed. */
export type StepStatus = 'cached' | 'ran' | 'unused'

export interface Step<Op> {
  readonly vertex: Vertex<Op>
  readonly status: StepStatus
  readonly identity: Identity
  /** When the result was made first; 0 for images. */
  readonly createdAt: number
  /** Why it ran. */
  readonly cause?: Cause
  /** What the cache knows of it now; absent for images. */
  readonly record?: CacheRecord
}

export interface Solution<Op> {
  /** One for each target, in order. */
  readonly results: readonly Result[]
  /** Every step that was looked at, inputs before users. */
  readonly steps: readonly Step<Op>[]
}

/**
 * Brings the targets about: what is known is not done, what remains runs in parallel as far as the limiter allows, equal steps
 * once. Rejects with the first step's error after all others were stopped and have ended; with CANCELLED after an abort.
 */
export async function solve<Op>(
  targets: readonly (Vertex<Op> | null)[],
  options: SolveOptions<Op>,
): Promise<Solution<Op>> {
  const stop = new AbortController()
  const jobs = new Set<Promise<unknown>>()
  let failure: { readonly error: unknown } | undefined

  const running = new Set<Digest>()
  const tell = (vertex: Vertex<Op>, state: VertexEvent['state'], error?: string): void => {
    if (state === 'running') running.add(vertex.digest)
    else running.delete(vertex.digest)
    options.emit({
      kind: 'vertex',
      id: vertex.digest,
      name: vertex.label.name,
      state,
      at: options.now(),
      ...(error === undefined ? {} : { error }),
    })
  }

  const stepper = createStepper(options, {
    signal: AbortSignal.any([options.signal, stop.signal]),
    tell,
    /** Remembers every job, so that none outlives the build. */
    start(job) {
      const started = job()
      jobs.add(started)
      started.then(
        () => jobs.delete(started),
        () => jobs.delete(started),
      )
      return started
    },
    failed(vertex, error) {
      if (failure !== undefined || options.signal.aborted) {
        if (running.has(vertex.digest)) tell(vertex, 'cancelled')
        return
      }
      failure = { error: options.explainFailure?.(vertex, error) ?? error }
      tell(vertex, 'failed', messageOf(failure.error))
      stop.abort(new Error('Another step failed'))
    },
  })

  try {
    const results = await Promise.all(
      targets.map(async (target) => (target === null ? null : stepper.materialise(target))),
    )
    const steps: Step<Op>[] = []
    for (const vertex of walkVertices(targets)) steps.push(await stepper.settle(vertex))
    return { results, steps }
  } catch (error) {
    stop.abort(error)
    while (jobs.size > 0) await Promise.allSettled(jobs)
    if (failure !== undefined) throw failure.error
    if (options.signal.aborted) throw cancelled(options.signal)
    throw error
  }
}

/** The steps by vertex, for callers that look some of them up. */
export function stepsByDigest<Op>(solution: Solution<Op>): ReadonlyMap<Digest, Step<Op>> {
  return new Map(solution.steps.map((step) => [step.vertex.digest, step]))
}
