import { TsbuildError } from '../../base/errors.ts'
import { createByteBuffer } from './byte-buffer.ts'
import type { HttpResponse, RequestBody } from './http.ts'
import { hostOf } from './url.ts'

/** A body from memory. */
export function bytesBody(content: string | Uint8Array): RequestBody {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return {
    size: bytes.byteLength,
    async *open() {
      yield bytes
    },
  }
}

export interface ReadLimits {
  /** Bytes. More is REGISTRY_TOO_LARGE, before it is held in memory. */
  readonly limit: number
  /** Milliseconds for the whole body: a peer that drips is cut off with REGISTRY_TIMEOUT. */
  readonly deadline: number
  /** What is read, for the message. */
  readonly what: string
}

/** Reads a small document whole. A body shorter than its Content-Length is REGISTRY_UNREACHABLE from the wire. */
export async function readBody(response: HttpResponse, limits: ReadLimits): Promise<Uint8Array> {
  const promised = Number(response.headers['content-length'] ?? 0)
  const read = createByteBuffer()
  const started = performance.now()
  if (promised > limits.limit) {
    await response.discard()
    throw tooLarge(response, limits)
  }
  for await (const chunk of response.body) {
    if (read.size + chunk.byteLength > limits.limit) throw tooLarge(response, limits)
    if (performance.now() - started > limits.deadline) {
      throw new TsbuildError(
        'REGISTRY_TIMEOUT',
        `Cannot read ${limits.what} from ${hostOf(response.url)}: it came too slowly`,
      )
    }
    read.append(chunk)
  }
  return read.bytes()
}

/** As much of a body as fits, for error texts; never rejects. */
export async function readSome(response: HttpResponse, limit: number, deadline: number): Promise<string> {
  const read = createByteBuffer()
  const started = performance.now()
  try {
    for await (const chunk of response.body) {
      read.append(chunk.subarray(0, limit - read.size))
      if (read.size >= limit || performance.now() - started > deadline) break
    }
  } catch {
    // What came is what there is to show.
  }
  return read.bytes().toString('utf8')
}

function tooLarge(response: HttpResponse, limits: ReadLimits): TsbuildError {
  return new TsbuildError(
    'REGISTRY_TOO_LARGE',
    `Cannot read ${limits.what} from ${hostOf(response.url)}: it has more than ${limits.limit} bytes`,
  )
}
