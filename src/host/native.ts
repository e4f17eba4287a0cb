import type { Duplex, Readable, Writable } from 'node:stream'

/** Where files are: a directory of the host, what a process of a container sees, or layers (top-most first) seen through overlay. */
export type Tree =
  | { readonly kind: 'dir'; readonly path: string }
  /** What is mounted for a container alone, in the words of mount(8). */
  | { readonly kind: 'filesystem'; readonly type: string; readonly source: string; readonly options: readonly string[] }
  /** The tmpfs that a process sees there. */
  | { readonly kind: 'shared'; readonly pid: number; readonly path: string }
  | { readonly kind: 'process'; readonly pid: number }
  | {
      readonly kind: 'layers'
      readonly lower: readonly string[]
      readonly upper?: string
      readonly work?: string
      readonly volatile?: boolean
      /** Instead of an overlay: where the view of `lower` is, or is made. */
      readonly view?: string
      /** With `view` and `upper`: where a copy for a process is, or is made. */
      readonly copy?: string
    }

/** What `commit`, `pack` and `apply` tell of a layer. `entries` 0: the layer changes nothing. */
export interface LayerFacts {
  readonly diffId: string
  /** Bytes of the uncompressed tar. */
  readonly size: number
  readonly entries: number
  /** Bytes of file content. */
  readonly bytes: number
}

/** `pipe` ends are handed out by RunningPlan. */
export type Stdio = 'ignore' | 'inherit' | 'pipe' | number

/** Streams that belong to the process alone, so that it can have them before it is known what for. */
export type OwnStdio = readonly ['ignore', 'ignore' | 'pipe', 'ignore' | 'pipe']

export interface PlanOptions {
  readonly signal?: AbortSignal
  /** Called for each `event` line, in order. */
  readonly onEvent?: (event: Answer) => void
  /** Descriptors that the plan names, from 5 upward; `pipe` makes one end here (RunningPlan.pipes). */
  readonly fds?: readonly (number | 'pipe')[]
  /** stdin, stdout, stderr of the process that the plan runs. Default: all ignored. */
  readonly stdio?: readonly [Stdio, Stdio, Stdio]
  /** The process goes on when this one ends (monitors). Its result still arrives here. */
  readonly detached?: boolean
}

/** One line of the core, parsed. */
export type Answer = Readonly<Record<string, unknown>>

export interface RunningPlan {
  readonly pid: number | undefined
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Our ends of `fds`, by position; null where a number was given. */
  readonly pipes: readonly (Duplex | null)[]
  readonly result: Promise<Answer>
}

/**
 * The door to the native core. One call is one process and one plan.
 * Rejects with NativeError carrying the core's code (NATIVE_FAILED when it is none of the error table), NATIVE_MISSING when the
 * binary cannot be started, NATIVE_PROTOCOL for an answer that breaks the protocol, CANCELLED after an abort (the core has then
 * ended and undone its half work).
 */
export interface NativeCore extends Disposable {
  call(verb: string, plan: object, options?: PlanOptions): Promise<Answer>
  start(verb: string, plan: object, options?: PlanOptions): RunningPlan
  /**
   * Tells that a plan with this verb and `stdio`, without `fds`, is going to come: its process is started now, beside what is done until then (some 10 ms). May be
   * wrong: what waits in vain ends when this is disposed, or with us.
   */
  prepare(verb: string, stdio?: OwnStdio): void
  /** Runs the OCI command line (`state`, `kill`, …); rejects with PROCESS_FAILED when it exits with an error. */
  oci(args: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<{ readonly stdout: string }>
  /** Path of the executable, for use as an OCI runtime. */
  readonly path: string
}
