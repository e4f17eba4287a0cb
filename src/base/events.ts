/**
 * What happens while a verb works, told to whoever listens (progress display, JSON output, API). Verbs return their result;
 * events never carry it alone. All times are milliseconds since the epoch, all sizes bytes.
 */
export type Event = VertexEvent | VertexLogEvent | TransferEvent | NoticeEvent

/** A step of a build changed state. `id` stays the same over the life of the step; the first event of an id makes it visible. */
export interface VertexEvent {
  readonly kind: 'vertex'
  readonly id: string
  /** For people: `[build 2/5] RUN make`. */
  readonly name: string
  readonly state: 'pending' | 'running' | 'cached' | 'done' | 'failed' | 'cancelled'
  readonly at: number
  /** Only with `failed`. */
  readonly error?: string
}

/** Output of a step's process, or a note of the step itself. */
export interface VertexLogEvent {
  readonly kind: 'vertex-log'
  readonly id: string
  readonly stream: 'stdout' | 'stderr'
  readonly data: Uint8Array
  readonly at: number
}

/** Bytes on their way. `item` is the digest or short name that people see; `parent` the vertex or reference that it belongs to. */
export interface TransferEvent {
  readonly kind: 'transfer'
  readonly parent: string
  readonly item: string
  readonly phase:
    | 'waiting'
    | 'downloading'
    | 'verifying'
    | 'extracting'
    | 'pulled'
    | 'exists'
    | 'uploading'
    | 'mounted'
    | 'pushed'
    | 'retrying'
  readonly done: number
  /** Absent when the total is not known. */
  readonly total?: number
  /** Why it waits or tries again, for people. */
  readonly note?: string
}

/** Something a person should read: a warning, or a line that docker prints at this point. */
export interface NoticeEvent {
  readonly kind: 'notice'
  readonly level: 'info' | 'warning'
  readonly text: string
  readonly hint?: string
}

export type Emit = (event: Event) => void
