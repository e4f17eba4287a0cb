import { TsbuildError } from '../base/errors.ts'
import { shortId } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import { repositoryScope } from './auth/scope.ts'
import type { RegistryClient, RegistryRequest, RegistryResponse } from './client.ts'
import { RegistryError } from './registry-error.ts'
import type { RequestBody, Url } from './transport/http.ts'
import { createBackoff } from './transport/retry.ts'
import { hostOf, isSecure, parseUrl, withQuery } from './transport/url.ts'

/** Content that can be read again from any byte. */
export interface BlobSource {
  readonly digest: Digest
  readonly size: number
  /** The file that holds exactly this content, where there is one: the kernel can send it. */
  readonly file?: string
  /** From `start` to `end` (exclusive); to the end without it. */
  open(start?: number, end?: number): AsyncIterable<Uint8Array>
}

/**
 * How the bytes travel. `stream`: POST, one PATCH with all, empty PUT: what docker does and everybody takes. `single`: POST, one PUT
 * with all: for registries that know only monolithic uploads. `chunked`: PATCHes with Content-Range: only where asked for.
 */
export type UploadShape =
  | { readonly kind: 'stream' }
  | { readonly kind: 'single' }
  | { readonly kind: 'chunked'; readonly size: number }

export interface UploadOptions {
  readonly signal: AbortSignal
  readonly action: string
  /** Repositories of the same registry that hold the blob, best first. */
  readonly mountFrom?: readonly string[]
  readonly shape?: UploadShape
  readonly notify?: (note: string) => void
  /** Bytes handed to the connection of the current attempt. */
  readonly onProgress?: (done: number) => void
}

export type UploadResult =
  | { readonly kind: 'exists' }
  | { readonly kind: 'mounted'; readonly from: string }
  | { readonly kind: 'pushed' }

/** Only a hint is lost with the others. */
const maxMounts = 3
const existence: readonly number[] = [200, 400, 403, 404, 405]
/** Answers to a streamed PATCH that mean "not this way" (GAR, old proxies), not "not you". */
const shapeRefused: ReadonlySet<number> = new Set([400, 405, 411, 416, 501])

/**
 * Makes a blob exist in a repository: looks whether it is there, mounts it from a known place, else uploads it. A lost session, a broken
 * connection and a refused shape begin a new session. Errors: REGISTRY_*, CANCELLED.
 */
export async function uploadBlob(
  client: RegistryClient,
  repository: Repository,
  blob: BlobSource,
  options: UploadOptions,
): Promise<UploadResult> {
  if (await blobExists(client, repository, blob.digest, options)) return { kind: 'exists' }
  const mounted = await mount(client, repository, blob, options)
  if (mounted.kind === 'mounted') return mounted
  return upload(client, repository, blob, mounted.session, options)
}

/** A refusal to tell means "unknown": Artifactory answers 403 for what a virtual repository lacks. */
export async function blobExists(
  client: RegistryClient,
  repository: Repository,
  digest: Digest,
  options: Pick<UploadOptions, 'signal' | 'action' | 'notify'>,
): Promise<boolean> {
  const response = await client.send(repository, {
    ...request(options),
    method: 'HEAD',
    path: `/blobs/${digest}`,
    actions: ['pull', 'push'],
    expect: existence,
  })
  await response.discard()
  return response.status === 200
}

async function mount(
  client: RegistryClient,
  repository: Repository,
  blob: BlobSource,
  options: UploadOptions,
): Promise<
  { readonly kind: 'mounted'; readonly from: string } | { readonly kind: 'not'; readonly session: Url | undefined }
> {
  let session: Url | undefined
  for (const from of (options.mountFrom ?? []).slice(0, maxMounts)) {
    const response = await client.send(repository, {
      ...request(options),
      method: 'POST',
      path: '/blobs/uploads/',
      query: { mount: blob.digest, from },
      scopes: [repositoryScope({ repository: from }, 'pull')],
      expect: [201, 202, 400, 401, 403, 404, 405],
    })
    await response.discard()
    if (response.status === 201) return { kind: 'mounted', from }
    if (response.status === 202) session = locationOf(response, options)
  }
  return { kind: 'not', session }
}

async function upload(
  client: RegistryClient,
  repository: Repository,
  blob: BlobSource,
  opened: Url | undefined,
  options: UploadOptions,
): Promise<UploadResult> {
  const backoff = createBackoff(client.retry, client.timing)
  let session = opened
  let shape: UploadShape = options.shape ?? { kind: 'stream' }
  let lostSessions = 0
  for (;;) {
    session ??= await openSession(client, repository, options)
    try {
      await send(client, repository, blob, session, shape, options)
      return { kind: 'pushed' }
    } catch (error) {
      session = undefined
      if (!(error instanceof TsbuildError)) throw error
      const answer = error instanceof RegistryError ? error : undefined
      if (answer !== undefined && shape.kind === 'stream' && shapeRefused.has(answer.status)) {
        shape = { kind: 'single' }
        continue
      }
      if (answer !== undefined && isLostSession(answer) && lostSessions < 3) {
        lostSessions += 1
        options.notify?.('The registry lost the upload, it begins anew')
        continue
      }
      const outcome = answer === undefined ? error : { status: answer.status, headers: {} }
      if (!(await backoff.again(outcome, options.signal, options.notify))) throw error
      // The closing PUT may have worked although its answer was lost.
      if (await blobExists(client, repository, blob.digest, options)) return { kind: 'pushed' }
    }
  }
}

function isLostSession(error: RegistryError): boolean {
  return (
    error.status === 404 ||
    error.diagnostics.some(({ code }) => code === 'BLOB_UPLOAD_UNKNOWN' || code === 'BLOB_UPLOAD_INVALID')
  )
}

async function openSession(client: RegistryClient, repository: Repository, options: UploadOptions): Promise<Url> {
  try {
    const response = await client.send(repository, {
      ...request(options),
      method: 'POST',
      path: '/blobs/uploads/',
      expect: [202],
    })
    await response.discard()
    return locationOf(response, options)
  } catch (error) {
    // ECR closes the connection in place of a 404.
    if (
      !(error instanceof TsbuildError) ||
      error.code !== 'REGISTRY_UNREACHABLE' ||
      !/\.dkr\.ecr\./.test(repository.registry)
    )
      throw error
    throw new TsbuildError(error.code, error.message, {
      cause: error,
      hint: `Does the repository "${repository.repository}" exist? ECR ends the connection where it does not`,
    })
  }
}

async function send(
  client: RegistryClient,
  repository: Repository,
  blob: BlobSource,
  session: Url,
  shape: UploadShape,
  options: UploadOptions,
): Promise<void> {
  const data = { 'content-type': 'application/octet-stream' }
  const patch = async (
    url: Url,
    start: number,
    end: number,
    headers: Readonly<Record<string, string>>,
  ): Promise<Url> => {
    const response = await client.send(repository, {
      ...request(options),
      method: 'PATCH',
      path: url,
      headers: { ...data, ...headers },
      body: bodyOf(blob, start, end, options.onProgress),
      expect: [200, 201, 202, 204],
      repeatable: false,
    })
    await response.discard()
    return response.headers['location'] === undefined ? url : locationOf(response, options)
  }
  let url = session
  if (shape.kind === 'stream' && blob.size > 0) url = await patch(url, 0, blob.size, {})
  if (shape.kind === 'chunked') {
    for (let start = 0; start < blob.size; start += shape.size) {
      const end = Math.min(start + shape.size, blob.size)
      url = await patch(url, start, end, { 'content-range': `${start}-${end - 1}` })
    }
  }
  const whole = shape.kind === 'single' ? { body: bodyOf(blob, 0, blob.size, options.onProgress), headers: data } : {}
  const response = await client.send(repository, {
    ...request(options),
    ...whole,
    method: 'PUT',
    path: withQuery(url, { digest: blob.digest }),
    expect: [200, 201, 202, 204],
    repeatable: false,
    patience: client.timeouts.commit,
  })
  await response.discard()
  const stated = response.headers['docker-content-digest']
  if (stated !== undefined && stated !== blob.digest && stated.startsWith(blob.digest.slice(0, 7))) {
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `${options.action}: ${hostOf(response.url)} stored blob ${shortId(blob.digest)} under ${stated}`,
    )
  }
}

function bodyOf(blob: BlobSource, start: number, end: number, onProgress: UploadOptions['onProgress']): RequestBody {
  const file =
    blob.file === undefined
      ? {}
      : { file: { path: blob.file, start, end, onProgress: (done: number) => onProgress?.(start + done) } }
  return {
    size: end - start,
    ...file,
    async *open() {
      let done = start
      for await (const chunk of blob.open(start, end)) {
        yield chunk
        done += chunk.byteLength
        onProgress?.(done)
      }
    },
  }
}

/** Where the upload goes on. Proxies that end TLS make registries name plain URLs of themselves: those stay secure. */
function locationOf(response: RegistryResponse, options: UploadOptions): Url {
  const location = response.headers['location']
  if (location === undefined) {
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `${options.action}: ${hostOf(response.url)} opened an upload without telling where`,
    )
  }
  const url = parseUrl(location, response.url)
  const sameHost = new URL(url.origin).hostname === new URL(response.url.origin).hostname
  if (!isSecure(url) && isSecure(response.url)) {
    if (sameHost) return { origin: response.url.origin, target: url.target }
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `${options.action}: ${hostOf(response.url)} leads the upload to the plain connection ${hostOf(url)}`,
    )
  }
  return url
}

function request(
  options: Pick<UploadOptions, 'signal' | 'action' | 'notify'>,
): Pick<RegistryRequest, 'access' | 'actions' | 'action' | 'signal' | 'notify'> {
  const { signal, action, notify } = options
  return { access: 'write', actions: ['pull', 'push'], action, signal, ...(notify === undefined ? {} : { notify }) }
}
