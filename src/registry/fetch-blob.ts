import { createHash } from 'node:crypto'
import { byteRange } from '../base/byte-range.ts'
import { TsbuildError } from '../base/errors.ts'
import { digestAlgorithm, shortId } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { Ingest } from '../store/content.ts'
import type { RegistryClient, RegistryResponse } from './client.ts'
import type { Place } from './endpoints.ts'
import { createByteBuffer } from './transport/byte-buffer.ts'
import type { ByteBuffer } from './transport/byte-buffer.ts'
import { createBackoff } from './transport/retry.ts'
import { parseUrl } from './transport/url.ts'

export interface BlobOptions {
  readonly signal: AbortSignal
  /** Start of error messages. */
  readonly action: string
  readonly notify?: (note: string) => void
  /** Bytes that are here, resumed ones included. */
  readonly onProgress?: (done: number) => void
}

/** The part of a writer that a download needs; ContentStore.ingest gives one. */
export type BlobSink = Pick<Ingest, 'offset' | 'write' | 'restart' | 'commit'>

/**
 * Downloads a blob into writers that `open` gives, from where an earlier one stopped, and commits it: after that it is verified.
 * A broken connection is resumed by Range; progress makes failures count anew. Content that proves wrong is fetched once more from the
 * start and from the registry itself. `open` gives undefined when the blob is here already.
 * Errors: DIGEST_MISMATCH, SIZE_MISMATCH, REGISTRY_*, CANCELLED.
 */
export async function fetchBlob(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  open: () => Promise<(BlobSink & AsyncDisposable) | undefined>,
  options: BlobOptions,
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    await using sink = await open()
    if (sink === undefined) return
    try {
      const inline = inlineContent(blob)
      if (inline !== undefined && sink.offset === 0) await sink.write(inline)
      else await download(client, repository, blob, sink, { ...options, direct: attempt > 0, lent: true })
      await sink.commit()
      return
    } catch (error) {
      if (!(error instanceof TsbuildError) || (error.code !== 'DIGEST_MISMATCH' && error.code !== 'SIZE_MISMATCH'))
        throw error
      if (attempt > 0) {
        throw new TsbuildError(
          error.code,
          `${options.action}: blob ${shortId(blob.digest)} of the registry is corrupt`,
          { cause: error },
        )
      }
      if (error.code === 'SIZE_MISMATCH') await sink.restart()
      options.notify?.('The content is not what was promised, it is fetched again')
    }
  }
}

/** Small content that is needed whole, such as a config of an image that is only looked at. Errors as `fetchBlob`. */
export async function readBlob(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  limit: number,
  options: BlobOptions,
): Promise<Uint8Array> {
  if (blob.size > limit) {
    throw new TsbuildError(
      'REGISTRY_TOO_LARGE',
      `${options.action}: blob ${shortId(blob.digest)} has ${blob.size} bytes, at most ${limit} are allowed`,
    )
  }
  const content = createByteBuffer()
  await fetchBlob(client, repository, blob, async () => memorySink(blob, content), options)
  return content.bytes()
}

/** The blob as a stream, verified at its end: the last chunk comes only when the digest is right. */
export async function* streamBlob(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  options: BlobOptions,
): AsyncGenerator<Uint8Array> {
  const hash = createHash(digestAlgorithm(blob.digest))
  const backoff = createBackoff(client.retry, client.timing)
  let offset = 0
  let last: Uint8Array | undefined
  for (;;) {
    const body = await openBody(client, repository, blob, offset, { ...options, direct: false, lent: false })
    try {
      for await (const chunk of body.chunks) {
        if (offset + chunk.byteLength > blob.size) throw sizeMismatch(blob, offset + chunk.byteLength)
        hash.update(chunk)
        offset += chunk.byteLength
        backoff.reset()
        options.onProgress?.(offset)
        if (last !== undefined) yield last
        last = chunk
      }
      if (offset === blob.size) break
      throw endedEarly(repository)
    } catch (error) {
      if (!(error instanceof TsbuildError) || !(await backoff.again(error, options.signal, options.notify))) throw error
    }
  }
  const actual = `${digestAlgorithm(blob.digest)}:${hash.digest('hex')}`
  if (actual !== blob.digest) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `${options.action}: blob ${shortId(blob.digest)} of the registry has the digest ${actual}`,
    )
  }
  if (last !== undefined) yield last
}

interface OpenBody {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly place: Place
}

interface DownloadOptions extends BlobOptions {
  readonly direct: boolean
  /** Whether a chunk may be overwritten once the next is asked for. */
  readonly lent: boolean
}

async function download(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  sink: BlobSink,
  options: DownloadOptions,
): Promise<void> {
  const backoff = createBackoff(client.retry, client.timing)
  let { direct } = options
  while (sink.offset < blob.size || blob.size === 0) {
    const before = sink.offset
    const { chunks, place } = await openBody(client, repository, blob, before, { ...options, direct })
    try {
      for await (const chunk of chunks) {
        await sink.write(chunk)
        options.onProgress?.(sink.offset)
      }
      if (sink.offset === blob.size) return
      throw endedEarly(repository)
    } catch (error) {
      if (!(error instanceof TsbuildError)) throw error
      if (sink.offset > before) backoff.reset()
      if (place.kind === 'mirror' && error.code !== 'CANCELLED') direct = true
      else if (!(await backoff.again(error, options.signal, options.notify))) throw error
    }
  }
}

/**
 * The blob's bytes from `offset` on. From a server that will not continue there (416, another range) all of it is asked for, and what is
 * here already is passed over. Errors: SIZE_MISMATCH when the server says that the blob has another size.
 */
async function openBody(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  offset: number,
  options: DownloadOptions,
): Promise<OpenBody> {
  const response = await requestBlob(client, repository, blob, offset, options)
  if (response.status === 206 && startsAt(response, offset))
    return { chunks: bodyOf(response, options), place: response.place }
  if (response.status !== 200) {
    await response.discard()
    if (offset > 0) return openWhole(client, repository, blob, offset, options)
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `${options.action}: ${response.place.host} answered ${response.status} without being asked for a range`,
    )
  }
  const length = response.headers['content-length']
  if (length !== undefined && response.headers['content-encoding'] === undefined && Number(length) !== blob.size) {
    await response.discard()
    throw sizeMismatch(blob, Number(length))
  }
  const body = bodyOf(response, options)
  const chunks = offset === 0 ? body : byteRange(body, offset, Infinity)
  return { chunks, place: response.place }
}

function bodyOf(response: RegistryResponse, { lent }: DownloadOptions): AsyncIterable<Uint8Array> {
  return lent ? response.lent : response.body
}

async function openWhole(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  offset: number,
  options: DownloadOptions,
): Promise<OpenBody> {
  const { chunks, place } = await openBody(client, repository, blob, 0, options)
  return { chunks: byteRange(chunks, offset, Infinity), place }
}

async function requestBlob(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  offset: number,
  options: DownloadOptions,
): Promise<RegistryResponse> {
  const { signal, action, notify, direct } = options
  const ask = (
    path: Parameters<RegistryClient['send']>[1]['path'],
    expect: readonly number[],
  ): Promise<RegistryResponse> =>
    client.send(repository, {
      method: 'GET',
      path,
      headers: { 'accept-encoding': 'identity', ...(offset === 0 ? {} : { range: `bytes=${offset}-` }) },
      access: 'read-digest',
      actions: ['pull'],
      action,
      expect,
      signal,
      direct,
      ...(notify === undefined ? {} : { notify }),
    })
  const urls = blob.urls ?? []
  const answer = await ask(`/blobs/${blob.digest}`, urls.length === 0 ? [200, 206, 416] : [200, 206, 404, 416])
  if (answer.status !== 404) return answer
  await answer.discard()
  return ask(parseUrl(urls[0] ?? ''), [200, 206])
}

function startsAt(response: RegistryResponse, offset: number): boolean {
  const match = /^bytes (\d+)-/i.exec(response.headers['content-range'] ?? '')
  return match !== null && Number(match[1]) === offset
}

/** image-spec "Descriptors": `data` spares the request when it is the content. */
function inlineContent(blob: Descriptor): Uint8Array | undefined {
  if (blob.data === undefined) return undefined
  const content = Buffer.from(blob.data, 'base64')
  const digest = `${digestAlgorithm(blob.digest)}:${createHash(digestAlgorithm(blob.digest)).update(content).digest('hex')}`
  return digest === blob.digest && content.byteLength === blob.size ? content : undefined
}

function memorySink(blob: Descriptor, content: ByteBuffer): BlobSink & AsyncDisposable {
  return {
    get offset() {
      return content.size
    },
    async write(chunk) {
      const size = content.size + chunk.byteLength
      if (size > blob.size) throw sizeMismatch(blob, size)
      content.append(chunk)
    },
    async restart() {
      content.clear()
    },
    async commit() {
      const algorithm = digestAlgorithm(blob.digest)
      if (`${algorithm}:${createHash(algorithm).update(content.bytes()).digest('hex')}` === blob.digest) return
      content.clear()
      throw new TsbuildError('DIGEST_MISMATCH', `Blob ${blob.digest} has other content`)
    },
    async [Symbol.asyncDispose]() {
      // Nothing is held but memory.
    },
  }
}

function endedEarly(repository: Repository): TsbuildError {
  return new TsbuildError(
    'REGISTRY_UNREACHABLE',
    `Cannot reach ${repository.registry}: the connection ended before the blob did`,
  )
}

function sizeMismatch(blob: Descriptor, size: number): TsbuildError {
  return new TsbuildError('SIZE_MISMATCH', `Blob ${blob.digest} has ${size} bytes, ${blob.size} were promised`)
}
