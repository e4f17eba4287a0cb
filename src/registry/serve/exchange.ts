import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { RegistryFault } from './fault.ts'

/** One request and its answer, as the routes see them. */
export interface ServedExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
}

export function answer(
  { response }: ServedExchange,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
  body?: string | Uint8Array,
): void {
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  response.writeHead(status, {
    ...(body === undefined && status !== 204 ? { 'content-length': 0 } : length),
    ...headers,
  })
  response.end(body)
}

export function answerJson(
  exchange: ServedExchange,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  answer(exchange, 200, { 'content-type': 'application/json', ...headers }, JSON.stringify(value))
}

/** Sends a body as fast as the client takes it; a client that goes away ends the reading. */
export async function sendBody({ response }: ServedExchange, body: AsyncIterable<Uint8Array>): Promise<void> {
  const gone = once(response, 'close')
  for await (const chunk of body) {
    if (response.destroyed) return
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), gone])
  }
  response.end()
}

/** Reads a small body whole. Fault: SIZE_INVALID. */
export async function readDocument({ request }: ServedExchange, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > limit) throw new RegistryFault('SIZE_INVALID', `At most ${limit} bytes are taken`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Value of `last` for the page after this one. */
  readonly next: string | undefined
}

/** distribution-spec "Listing Tags": `n` and `last`. Fault: PAGINATION_NUMBER_INVALID. */
export function pageOf(names: readonly string[], query: URLSearchParams): Page<string> {
  const sorted = [...names].sort()
  const last = query.get('last')
  const from = last === null ? sorted : sorted.filter((name) => name > last)
  const asked = query.get('n')
  if (asked === null) return { items: from, next: undefined }
  const n = Number(asked)
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RegistryFault('PAGINATION_NUMBER_INVALID', `"${asked.slice(0, 50)}" is not a number of entries`)
  const items = from.slice(0, n)
  return { items, next: items.length < from.length ? items.at(-1) : undefined }
}

export function linkHeader(path: string, page: Page<string>, query: URLSearchParams): Readonly<Record<string, string>> {
  if (page.next === undefined) return {}
  return { link: `<${path}?n=${query.get('n') ?? ''}&last=${encodeURIComponent(page.next)}>; rel="next"` }
}
