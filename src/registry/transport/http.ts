/**
 * The shape that every wrapper of the transport chain has. A wrapper takes the rest of the chain and gives a longer one; the order
 * (chain.ts) is part of the security: credentials are added above the redirect wrapper, which takes them off again for any
 * other origin.
 */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Origin and request target apart, so that a signed target stays byte for byte as the server gave it. */
export interface Url {
  /** `https://host:port`, without the default port. */
  readonly origin: string
  /** Path and query, starting with `/`. */
  readonly target: string
}

/** A body that can be sent again from its start: every retry, redirect and new token replays it. */
export interface RequestBody {
  readonly size: number
  /** The same bytes as a part of a file on this machine. */
  readonly file?: FileRange
  open(): AsyncIterable<Uint8Array>
}

export interface FileRange {
  readonly path: string
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** Told how much of the range is on its way. */
  readonly onProgress?: (done: number) => void
}

export interface HttpRequest {
  readonly method: Method
  readonly url: Url
  readonly headers: Readonly<Record<string, string>>
  readonly body?: RequestBody
  readonly signal: AbortSignal
  /** What a token must allow, such as `repository:library/busybox:pull`. Absent: the request never carries credentials. */
  readonly scopes?: readonly string[]
  /** May the transport send it again after a failure. PATCH of an upload may not: only the session knows what arrived. */
  readonly repeatable: boolean
  /** The body is a secret: a redirect to another origin is an error. */
  readonly confined?: boolean
  /** Milliseconds until headers must come, where the server has much to do first. */
  readonly patience?: number
  /** Told about waits and new attempts, for people. */
  readonly notify?: (note: string) => void
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names; several fields of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Where the answer came from, after redirects. */
  readonly url: Url
  /** User whose credentials the request carried; undefined for an anonymous one. */
  readonly account?: string | undefined
  /** May be read once. Ending the iteration early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>
  /** The body without a copy, in place of `body`: a chunk is overwritten once the next is asked for. */
  readonly lent: AsyncIterable<Uint8Array>
  /** For answers whose body is of no interest: keeps the connection usable when little is left. Never rejects. */
  discard(): Promise<void>
}

export type Exchange = (request: HttpRequest) => Promise<HttpResponse>
export type Wrapper = (next: Exchange) => Exchange
