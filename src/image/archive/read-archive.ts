import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { posix } from 'node:path'
import { TsbuildError, cancelled } from '../../base/errors.ts'
import { isDigest, parseDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ContentStore } from '../../store/content.ts'
import type { TarEntry } from './tar-archive.ts'

/** Documents are kept in memory up to this; anything longer is a layer. */
export const documentLimit: number = 8 * 1024 * 1024
/** Of a blob that does not begin as JSON does: a layer, which is looked at as long as it is small. */
const smallLayer = 1024 * 1024
/** All documents of an archive together. */
const documentsLimit = 64 * 1024 * 1024

/** The files of an archive after they went into the store: small ones by path, blobs by digest. */
export interface ReadArchive {
  /** Content of a small file, by its path. */
  document(path: string): Uint8Array | undefined
  /** Digest and size of a file, links followed. */
  file(path: string): { readonly digest: Digest; readonly size: number } | undefined
  /** The first bytes of a file. */
  head(path: string): Uint8Array
  /** Small files that may be blobs but are not in the store yet. */
  bytes(digest: Digest): Uint8Array | undefined
}

/**
 * Takes an archive in as it comes, without a copy on the side: what lies at `blobs/<algorithm>/<hex>` is written to its place and verified,
 * other big files are hashed while they are written. Errors: ARCHIVE_INVALID, DIGEST_MISMATCH, STORE_FULL.
 */
export async function readArchive(
  entries: AsyncIterable<TarEntry>,
  content: ContentStore,
  signal: AbortSignal,
): Promise<ReadArchive> {
  const documents = new Map<string, Uint8Array>()
  const files = new Map<string, { readonly digest: Digest; readonly size: number }>()
  const links = new Map<string, string>()
  const heads = new Map<string, Uint8Array>()
  let held = 0
  for await (const read of entries) {
    if (signal.aborted) throw cancelled(signal)
    const started = await begin(read.content)
    const entry = { ...read, content: started.content }
    if (entry.kind === 'link') {
      links.set(entry.path, linkTarget(entry))
      continue
    }
    heads.set(entry.path, started.head)
    const named = digestOfPath(entry.path)
    const limit = named === undefined || started.head[0] === jsonStart ? documentLimit : smallLayer
    if (entry.size <= limit && held + entry.size <= documentsLimit) {
      const bytes = await readAll(entry)
      held += bytes.byteLength
      documents.set(entry.path, bytes)
      const digest = hashOf(bytes, named)
      if (named !== undefined && named !== digest) throw wrongContent(named, digest)
      files.set(entry.path, { digest, size: bytes.byteLength })
    } else {
      files.set(
        entry.path,
        named === undefined ? await takeUnnamed(entry, content) : await takeBlob(entry, named, content, signal),
      )
    }
  }
  const resolve = (path: string): string => {
    let current = posix.normalize(path)
    for (let step = 0; step < 10 && links.has(current); step += 1) current = links.get(current) ?? current
    return current
  }
  const byDigest = new Map<Digest, Uint8Array>()
  for (const [path, bytes] of documents) {
    const file = files.get(path)
    if (file !== undefined) byDigest.set(file.digest, bytes)
  }
  return {
    head: (path) => documents.get(resolve(path)) ?? heads.get(resolve(path)) ?? new Uint8Array(),
    document: (path) => documents.get(resolve(path)),
    file: (path) => files.get(resolve(path)),
    bytes: (digest) => byDigest.get(digest),
  }
}

const jsonStart = 0x7b

/** The first bytes, and the whole content with them. */
async function begin(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly content: AsyncIterable<Uint8Array> }> {
  const chunks = content[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) return { head: new Uint8Array(), content: (async function* () {})() }
  return { head: first.value.slice(0, 8), content: whole(first.value, chunks) }
}

async function* whole(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

function digestOfPath(path: string): Digest | undefined {
  const match = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(path)
  const text = `${match?.[1] ?? ''}:${match?.[2] ?? ''}`
  return isDigest(text) ? text : undefined
}

/** docker save of old made symbolic links between layers, relative to the entry. */
function linkTarget({ path, target }: TarEntry): string {
  return posix.normalize(
    target.startsWith('..') || target.startsWith('./') ? posix.join(posix.dirname(path), target) : target,
  )
}

async function readAll(entry: TarEntry): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of entry.content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function hashOf(bytes: Uint8Array, named: Digest | undefined): Digest {
  const algorithm = named?.split(':')[0] ?? 'sha256'
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`)
}

async function takeBlob(
  entry: TarEntry,
  digest: Digest,
  content: ContentStore,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const { size } = entry
  await using ingest = await content.ingest({ digest, size }, { signal })
  if (ingest === undefined) {
    for await (const chunk of entry.content) void chunk
    return { digest, size }
  }
  await ingest.restart()
  for await (const chunk of entry.content) await ingest.write(chunk)
  await ingest.commit()
  return { digest, size }
}

async function takeUnnamed(
  entry: TarEntry,
  content: ContentStore,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  await using scratch = await content.scratch()
  const hash = createHash('sha256')
  let size = 0
  const file = await open(scratch.path, 'wx', 0o600)
  try {
    for await (const chunk of entry.content) {
      hash.update(chunk)
      size += chunk.byteLength
      await file.appendFile(chunk)
    }
  } finally {
    await file.close()
  }
  const digest = parseDigest(`sha256:${hash.digest('hex')}`)
  await scratch.adopt(digest, size)
  return { digest, size }
}

function wrongContent(want: Digest, have: Digest): TsbuildError {
  return new TsbuildError('DIGEST_MISMATCH', `Cannot read the archive: its blob ${want} has the digest ${have}`)
}
