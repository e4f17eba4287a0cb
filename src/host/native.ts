import type { Readable, Writable } from 'node:stream'

/** A byte string as the plan protocol carries it: text when it is UTF-8, else base64. See docs/native-core.md. */
export type Bytes = string | { readonly b64: string }

/** Where files are: a directory of the host, or layers (top-most first) seen through overlay. */
export type Tree =
  | { readonly kind: 'dir'; readonly path: string }
  | {
      readonly kind: 'layers'
      readonly lower: readonly string[]
      readonly upper?: string
      readonly work?: string
      readonly volatile?: boolean
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

export interface PlanOptions {
  readonly signal?: AbortSignal
  /** Called for each `event` line, in order. */
  readonly onEvent?: (event: Readonly<Record<string, unknown>>) => void
  /** Descriptors that the plan names, from 5 upward. */
  readonly fds?: readonly (number | Readable | Writable)[]
  /** stdin, stdout, stderr of the process that the plan runs. Default: none. */
  readonly stdio?: readonly [Stdio, Stdio, Stdio]
}

/** `pipe` ends are handed to `onStart`. */
export type Stdio = 'ignore' | 'inherit' | 'pipe' | number

export interface RunningPlan {
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Descriptors of `fds` that were given as `'pipe'`-like streams are connected when this resolves. */
  readonly result: Promise<Readonly<Record<string, unknown>>>
}

/**
 * The door to the native core. One call is one process and one plan.
 * Rejects with the core's code (a member of the error table; NATIVE_FAILED when it is none of ours), NATIVE_MISSING when the
 * binary cannot be started, NATIVE_PROTOCOL for an answer that breaks the protocol, CANCELLED after an abort (the core has then
 * ended and undone its half work).
 */
export interface NativeCore {
  call(verb: string, plan: Readonly<Record<string, unknown>>, options?: PlanOptions): Promise<Readonly<Record<string, unknown>>>
  start(verb: string, plan: Readonly<Record<string, unknown>>, options?: PlanOptions): RunningPlan
  /** Runs the OCI command line (`state`, `kill`, …) and gives its output. */
  oci(args: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<{ readonly stdout: string }>
  /** Path of the executable, for use as an OCI runtime. */
  readonly path: string
}
