import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TsbuildError } from '../../base/errors.ts'
import { digestAlgorithm, isDigest, parseDigest, sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { maxManifestSize, parseManifest } from '../../oci/manifest.ts'
import { isForeignLayer, mediaTypes } from '../../oci/media-types.ts'
import { isTag } from '../../oci/reference.ts'
import { answer, answerJson, linkHeader, pageOf, readDocument, sendBody } from './exchange.ts'
import type { ServedExchange } from './exchange.ts'
import { RegistryFault } from './fault.ts'
import { parseRoute } from './request-path.ts'
import type { Route } from './request-path.ts'
import type { RegistryStorage } from './storage.ts'
import { createUploadRoutes } from './upload-routes.ts'
import type { UploadRoutes } from './upload-routes.ts'

export interface RegistryHandlerOptions {
  /** Refuses everything that writes. */
  readonly readOnly: boolean
  /** Looks at the Authorization header; without it everybody may do everything. */
  readonly authorize?: (header: string | undefined) => boolean
  /** Told of every request once it is answered. */
  readonly onRequest?: (line: { readonly method: string; readonly path: string; readonly status: number }) => void
  readonly now?: () => number
}

export interface RegistryHandler extends AsyncDisposable {
  (request: IncomingMessage, response: ServerResponse): Promise<void>
}

/** Answers the OCI distribution API 1.1 from a storage: pull, push, discovery, management, referrers. */
export function createRegistryHandler(storage: RegistryStorage, options: RegistryHandlerOptions): RegistryHandler {
  const uploads = createUploadRoutes(storage, options.now ?? Date.now)

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://registry')
    const exchange: ServedExchange = { request, response, query: url.searchParams }
    response.setHeader('docker-distribution-api-version', 'registry/2.0')
    response.once('finish', () =>
      options.onRequest?.({ method: request.method ?? '', path: url.pathname, status: response.statusCode }),
    )
    try {
      await serve(storage, uploads, exchange, decodePath(url.pathname), options)
    } catch (error) {
      refuse(exchange, error)
    }
  }
  return Object.assign(handle, { [Symbol.asyncDispose]: () => uploads[Symbol.asyncDispose]() })
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new RegistryFault('NAME_INVALID', 'The path is not UTF-8')
  }
}

/** The specification asks for 10 at least; the header that lists them stays below 4 KiB. */
const maxTags = 30
const reading: ReadonlySet<string> = new Set(['GET', 'HEAD'])

async function serve(
  storage: RegistryStorage,
  uploads: UploadRoutes,
  exchange: ServedExchange,
  path: string,
  options: RegistryHandlerOptions,
): Promise<void> {
  const { request } = exchange
  if (options.authorize !== undefined && !options.authorize(request.headers.authorization)) {
    throw new RegistryFault('UNAUTHORIZED', 'A login is required', {
      'www-authenticate': 'Basic realm="tsbuild", charset="UTF-8"',
    })
  }
  const route = parseRoute(path)
  if (route === undefined) throw new RegistryFault('NAME_UNKNOWN', 'There is nothing at this path')
  const method = request.method ?? 'GET'
  if (options.readOnly && !reading.has(method)) throw new RegistryFault('DENIED', 'This registry is read-only')
  switch (route.kind) {
    case 'base':
      return answerJson(exchange, {})
    case 'catalog': {
      const page = pageOf(await storage.repositories(), exchange.query)
      return answerJson(exchange, { repositories: page.items }, linkHeader(path, page, exchange.query))
    }
    case 'tags': {
      const tags = await storage.tags(route.repository)
      if (tags === undefined) throw new RegistryFault('NAME_UNKNOWN', `There is no repository ${route.repository}`)
      const page = pageOf(tags, exchange.query)
      return answerJson(exchange, { name: route.repository, tags: page.items }, linkHeader(path, page, exchange.query))
    }
    case 'manifest':
      return manifestRoute(storage, exchange, route)
    case 'blob':
      return blobRoute(storage, exchange, route)
    case 'uploads':
      if (method !== 'POST') throw new RegistryFault('UNSUPPORTED', 'An upload begins with POST')
      return uploads.begin(exchange, route.repository)
    case 'upload':
      return uploads.proceed(exchange, route.repository, route.session)
    case 'referrers':
      return referrersRoute(storage, exchange, route)
  }
}

async function manifestRoute(
  storage: RegistryStorage,
  exchange: ServedExchange,
  { repository, reference }: Extract<Route, { kind: 'manifest' }>,
): Promise<void> {
  switch (exchange.request.method) {
    case 'GET':
    case 'HEAD': {
      const found = await storage.manifest(repository, reference)
      if (found === undefined) throw new RegistryFault('MANIFEST_UNKNOWN', `${repository} has no ${reference}`)
      const headers = {
        'content-type': found.mediaType,
        'docker-content-digest': found.digest,
        etag: `"${found.digest}"`,
      }
      if (exchange.request.method === 'GET') return answer(exchange, 200, headers, found.bytes)
      return answer(exchange, 200, { ...headers, 'content-length': found.bytes.byteLength })
    }
    case 'PUT':
      return putManifest(storage, exchange, repository, reference)
    case 'DELETE':
      if (!(await storage.deleteManifest(repository, reference)))
        throw new RegistryFault('MANIFEST_UNKNOWN', `${repository} has no ${reference}`)
      return answer(exchange, 202)
    default:
      throw new RegistryFault('UNSUPPORTED', 'A manifest takes GET, HEAD, PUT and DELETE')
  }
}

async function putManifest(
  storage: RegistryStorage,
  exchange: ServedExchange,
  repository: string,
  reference: string | Digest,
): Promise<void> {
  const bytes = await readDocument(exchange, maxManifestSize)
  const mediaType = exchange.request.headers['content-type']?.split(';')[0]?.trim()
  const document = parseOrRefuse(bytes, mediaType)
  const asked = exchange.query.get('digest')
  const wanted = isDigest(reference) ? reference : asked !== null && isDigest(asked) ? asked : undefined
  const digest = wanted === undefined ? sha256(bytes) : hashAs(wanted, bytes)
  if (wanted !== undefined && wanted !== digest)
    throw new RegistryFault('DIGEST_INVALID', `The manifest has the digest ${digest}`)
  const named =
    document.kind === 'index'
      ? document.index.manifests
      : [document.manifest.config, ...document.manifest.layers.filter(({ mediaType: type }) => !isForeignLayer(type))]
  const [missing] = await storage.missing(repository, named)
  if (missing !== undefined) throw new RegistryFault('MANIFEST_BLOB_UNKNOWN', `${missing.digest} must be pushed first`)
  const { mediaType: type, subject } = document.kind === 'index' ? document.index : document.manifest
  const tags = isDigest(reference) ? tagsOf(exchange) : [reference]
  await storage.putManifest(repository, tags, { mediaType: type, digest, bytes })
  answer(exchange, 201, {
    location: `/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(isDigest(reference) && tags.length > 0 ? { 'oci-tag': tags.join(', ') } : {}),
    ...(subject === undefined ? {} : { 'oci-subject': subject.digest }),
  })
}

/** distribution-spec 1.2 "Pushing Manifests": a push by digest may name tags. */
function tagsOf({ query }: ServedExchange): readonly string[] {
  const tags = query.getAll('tag')
  const wrong = tags.find((tag) => !isTag(tag))
  if (wrong !== undefined) throw new RegistryFault('MANIFEST_INVALID', `"${wrong.slice(0, 100)}" is not a tag`)
  return tags.slice(0, maxTags)
}

function parseOrRefuse(bytes: Uint8Array, mediaType: string | undefined): ReturnType<typeof parseManifest> {
  try {
    return parseManifest(bytes, mediaType, 'the manifest')
  } catch (error) {
    if (error instanceof TsbuildError) throw new RegistryFault('MANIFEST_INVALID', error.message)
    throw error
  }
}

function hashAs(digest: Digest, bytes: Uint8Array): Digest {
  const algorithm = digestAlgorithm(digest)
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`)
}

async function blobRoute(
  storage: RegistryStorage,
  exchange: ServedExchange,
  { repository, digest }: Extract<Route, { kind: 'blob' }>,
): Promise<void> {
  const { request, response } = exchange
  if (request.method === 'DELETE') {
    if (!(await storage.deleteBlob(repository, digest)))
      throw new RegistryFault('UNSUPPORTED', 'Blobs go with the images that need them')
    return answer(exchange, 202)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new RegistryFault('UNSUPPORTED', 'A blob takes GET, HEAD and DELETE')
  const blob = await storage.blob(repository, digest)
  if (blob === undefined) throw new RegistryFault('BLOB_UNKNOWN', `There is no blob ${digest}`)
  const range = parseRange(request.headers.range, blob.size)
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'accept-ranges': 'bytes',
    'content-length': range.end - range.start,
    ...(range.partial ? { 'content-range': `bytes ${range.start}-${range.end - 1}/${blob.size}` } : {}),
  }
  response.writeHead(range.partial ? 206 : 200, headers)
  if (request.method === 'HEAD') response.end()
  else await sendBody(exchange, blob.open(range.start, range.end))
}

/** RFC 9110 §14: one range of bytes; anything else is answered by the whole. Fault: RANGE_INVALID beyond the end. */
function parseRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number; readonly partial: boolean } {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return { start: 0, end: size, partial: false }
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1])
  const end = match[1] === '' || match[2] === '' ? size : Math.min(size, Number(match[2]) + 1)
  if (start >= end)
    throw new RegistryFault('RANGE_INVALID', `The blob has ${size} bytes`, { 'content-range': `bytes */${size}` })
  return { start, end, partial: true }
}

async function referrersRoute(
  storage: RegistryStorage,
  exchange: ServedExchange,
  { repository, digest }: Extract<Route, { kind: 'referrers' }>,
): Promise<void> {
  if (!reading.has(exchange.request.method ?? '')) throw new RegistryFault('UNSUPPORTED', 'Referrers can only be read')
  const type = exchange.query.get('artifactType')
  const all = await storage.referrers(repository, digest)
  const manifests = type === null ? all : all.filter(({ artifactType }) => artifactType === type)
  answer(
    exchange,
    200,
    { 'content-type': mediaTypes.ociIndex, ...(type === null ? {} : { 'oci-filters-applied': 'artifactType' }) },
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  )
}

function refuse(exchange: ServedExchange, error: unknown): void {
  const { response, request } = exchange
  if (response.headersSent) {
    response.destroy()
    return
  }
  // What is left of the body would be read as the next request.
  if (!request.complete) response.setHeader('connection', 'close')
  if (error instanceof RegistryFault) {
    answer(exchange, error.status, { 'content-type': 'application/json', ...error.headers }, error.body())
    return
  }
  const message = error instanceof TsbuildError ? error.message : 'The registry failed'
  answer(
    exchange,
    500,
    { 'content-type': 'application/json' },
    JSON.stringify({ errors: [{ code: 'UNKNOWN', message }] }),
  )
}
