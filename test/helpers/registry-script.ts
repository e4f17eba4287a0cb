import { createServer as createPlainServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { listenOnLoopback } from './listen.ts'

/** One request as the scripted server saw it. */
export interface SeenRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Bytes of the body that arrived, filled in as they come. */
  received: number
}

/** What one step of a script does with a request; `pass` leaves it to the fallback. */
export type Reply = (
  request: IncomingMessage,
  response: ServerResponse,
  seen: SeenRequest,
) => void | 'pass' | Promise<void | 'pass'>

export interface ScriptedServer extends AsyncDisposable {
  readonly host: string
  readonly origin: string
  readonly requests: readonly SeenRequest[]
  /**
   * The n-th request of `method` on `path` (string: equal without query; RegExp: tested on path with query) gets the n-th reply,
   * later ones the last. Rules are tried newest first; what no rule takes goes to the fallback, else 404.
   */
  on(method: string, path: string | RegExp, ...replies: readonly Reply[]): void
  /** How often a request that fits was made. */
  count(method: string, path: string | RegExp): number
}

export interface ScriptOptions {
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** Serves what no rule takes: a registry that behaves. */
  readonly fallback?: RequestListener
}

/** An HTTP server that misbehaves on command. Every fault happens on the wire, nothing is mocked in the client. */
export async function startScriptedServer(options: ScriptOptions = {}): Promise<ScriptedServer> {
  const rules: {
    readonly method: string
    readonly path: string | RegExp
    readonly replies: readonly Reply[]
    used: number
  }[] = []
  const requests: SeenRequest[] = []

  async function listener(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    const method = request.method ?? 'GET'
    const seen: SeenRequest = { method, path, headers: request.headers, received: 0 }
    requests.push(seen)
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    const rule = rules.findLast((candidate) => candidate.method === method && fits(candidate.path, path))
    if (rule === undefined) {
      if (options.fallback !== undefined) options.fallback(request, response)
      else response.writeHead(404).end()
      return
    }
    const reply = rule.replies[Math.min(rule.used, rule.replies.length - 1)]
    rule.used += 1
    if ((await reply?.(request, response, seen)) === 'pass') options.fallback?.(request, response)
  }

  const handle: RequestListener = (request, response) => {
    listener(request, response).catch(() => response.destroy())
  }
  const server =
    options.tls === undefined
      ? createPlainServer(handle)
      : createSecureServer({ cert: options.tls.certificate, key: options.tls.key }, handle)
  const listening = await listenOnLoopback(server, options.tls === undefined ? 'http' : 'https')
  return {
    host: listening.host,
    origin: listening.origin,
    requests,
    on: (method, path, ...replies) => void rules.push({ method, path, replies, used: 0 }),
    count: (method, path) => requests.filter((seen) => seen.method === method && fits(path, seen.path)).length,
    [Symbol.asyncDispose]: () => listening.close(),
  }
}

function fits(rule: string | RegExp, path: string): boolean {
  return typeof rule === 'string' ? path.split('?')[0] === rule : rule.test(path)
}

export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>

/** As the fallback would do it; for scripts that fail first and behave later. */
export const passThrough: Reply = () => 'pass'

/** A whole answer; objects are sent as JSON. The request's body is read first. */
export function reply(status: number, headers: ReplyHeaders = {}, body: string | Uint8Array | object = ''): Reply {
  return async (request, response, seen) => {
    await drain(request, seen)
    const bytes =
      typeof body === 'string'
        ? Buffer.from(body)
        : body instanceof Uint8Array
          ? body
          : Buffer.from(JSON.stringify(body))
    response.writeHead(status, { 'content-length': bytes.byteLength, ...mutable(headers) })
    response.end(request.method === 'HEAD' ? undefined : bytes)
  }
}

/** An answer without reading the request's body, as proxies do with 413 and 401. */
export function earlyReply(status: number, headers: ReplyHeaders = {}, body = ''): Reply {
  return (_, response) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), connection: 'close', ...mutable(headers) })
    response.end(body)
  }
}

/** The error form of the distribution specification. */
export function refuse(status: number, code: string, message: string, headers: ReplyHeaders = {}): Reply {
  return reply(status, { 'content-type': 'application/json', ...headers }, { errors: [{ code, message }] })
}

/** Closes the connection with a reset before any byte of an answer; `after`: once so many bytes of the body have come. */
export function drop(after = 0): Reply {
  return async (request, _, seen) => {
    if (after > 0) await drain(request, seen, after)
    request.socket.resetAndDestroy()
  }
}

/** Promises `body` whole and closes after `bytes` of it. */
export function truncated(status: number, body: Uint8Array, bytes: number, headers: ReplyHeaders = {}): Reply {
  return (request, response) => {
    response.writeHead(status, { 'content-length': body.byteLength, ...mutable(headers) })
    if (bytes === 0) response.flushHeaders()
    response.write(body.subarray(0, bytes), () => request.socket.destroy())
  }
}

/** Sends nothing at all and keeps the connection open. */
export const stall: Reply = () => undefined

/** Sends status, headers and `bytes` of the body, then nothing more. */
export function stalledBody(status: number, body: Uint8Array, bytes: number, headers: ReplyHeaders = {}): Reply {
  return (_, response) => {
    response.writeHead(status, { 'content-length': body.byteLength, ...mutable(headers) })
    response.flushHeaders()
    if (bytes > 0) response.write(body.subarray(0, bytes))
  }
}

/** Sends a byte every `interval` milliseconds, for ever. */
export function drip(status: number, interval: number, headers: ReplyHeaders = {}): Reply {
  return async (_, response) => {
    response.writeHead(status, { 'content-length': 1_000_000, ...mutable(headers) })
    while (!response.destroyed) {
      response.write('x')
      await sleep(interval)
    }
  }
}

/** Sends data without an end, as fast as the peer takes it. */
export function endless(status: number, headers: ReplyHeaders = {}): Reply {
  return (_, response) => {
    response.writeHead(status, mutable(headers))
    const chunk = Buffer.alloc(64 * 1024, 0x20)
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
  }
}

/** Writes raw bytes in place of an HTTP answer. */
export function raw(bytes: string | Uint8Array): Reply {
  return (request) => void request.socket.end(bytes)
}

/** A reply that depends on the request. */
export function choose(pick: (request: IncomingMessage) => Reply): Reply {
  return (request, response, seen) => pick(request)(request, response, seen)
}

async function drain(request: IncomingMessage, seen: SeenRequest, limit = Infinity): Promise<void> {
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    seen.received += (chunk as Buffer).byteLength
    if (seen.received >= limit) return
  }
}

function mutable(headers: ReplyHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )
}
