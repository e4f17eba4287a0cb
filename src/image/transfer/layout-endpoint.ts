import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { makeDirectories } from '../../base/make-directories.ts'
import { writeFileAtomic } from '../../base/atomic-file.ts'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import { sparingly } from '../../base/sparingly.ts'
import { openRegularFile, readRegularFile } from '../../base/user-file.ts'
import { digestAlgorithm } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { maxManifestSize, parseManifest } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import type { Descriptor, Index } from '../../oci/types.ts'
import type { BlobSource } from '../../registry/upload-blob.ts'
import {
  blobPath,
  fullNameAnnotation,
  indexFile,
  layoutContent,
  layoutFile,
  refNameAnnotation,
} from '../archive/layout.ts'
import type { ContentSink, ContentSource, RawManifest } from './endpoint.ts'
import { referrerDescriptor } from './referrer-descriptor.ts'

/** An OCI image layout folder to read from; without a tag it must hold one image. Error: ARCHIVE_INVALID. */
export function layoutSource(folder: string, tag: string | undefined): ContentSource {
  const name = `oci:${folder}${tag === undefined ? '' : `:${tag}`}`
  const manifest = async (digest: Digest): Promise<RawManifest> => {
    const bytes = await readBlobFile(folder, digest, maxManifestSize)
    const document = parseManifest(bytes, undefined, `manifest ${digest} of ${name}`)
    const { mediaType } = document.kind === 'index' ? document.index : document.manifest
    return { bytes, descriptor: { mediaType, digest, size: bytes.byteLength } }
  }
  return {
    name,
    repository: undefined,
    manifest,
    async resolve() {
      return manifest(chooseEntry((await readIndex(folder)).manifests, tag, name).digest)
    },
    async blob({ digest, size }) {
      return fileBlob(join(folder, blobPath(digest)), digest, size)
    },
    async referrers(digest) {
      const found: Descriptor[] = []
      for (const entry of (await readIndex(folder)).manifests) {
        const described = referrerDescriptor(await manifest(entry.digest))
        if (described?.subject === digest) found.push(described.descriptor)
      }
      return found
    },
  }
}

/** The entry that a tag or full name means; without one the only entry. */
export function chooseEntry(entries: readonly Descriptor[], tag: string | undefined, name: string): Descriptor {
  const fits = entries.filter(
    ({ annotations = {}, digest }) =>
      tag === undefined ||
      tag === digest ||
      annotations[refNameAnnotation] === tag ||
      annotations[fullNameAnnotation] === tag,
  )
  const [first] = fits
  const several = new Set(fits.map(({ digest }) => digest)).size > 1
  if (first !== undefined && !several) return first
  const names = entries.flatMap(({ annotations = {} }) => annotations[refNameAnnotation] ?? [])
  throw new TsbuildError(
    'ARCHIVE_INVALID',
    `Cannot read ${name}: ${several ? 'it holds several images' : 'it holds no such image'}`,
    {
      hint: names.length === 0 ? 'Name one by its digest' : `It has ${[...new Set(names)].slice(0, 20).join(', ')}`,
    },
  )
}

/** An OCI image layout folder to write to; made when it is not there, other images in it stay. */
export function layoutSink(folder: string, tag: string | undefined): ContentSink {
  const name = `oci:${folder}${tag === undefined ? '' : `:${tag}`}`
  return {
    name,
    async putBlob(blob) {
      return (await writeBlobFile(folder, blob)) ? 'copied' : 'exists'
    },
    hasBlob: async ({ digest, size }) =>
      (await stat(join(folder, blobPath(digest))).catch(() => undefined))?.size === size,
    async putManifest(manifest, top) {
      const { digest, size } = manifest.descriptor
      await writeBlobFile(folder, { digest, size, open: () => once(manifest.bytes) })
      const refers = referrerDescriptor(manifest) !== undefined
      if (top || refers) await enterIndex(folder, manifest.descriptor, top ? tag : undefined)
    },
    hasManifest: async (digest) => (await stat(join(folder, blobPath(digest))).catch(() => undefined)) !== undefined,
    finish: () => writeFileAtomic(join(folder, layoutFile), layoutContent, { sync: false }),
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function readIndex(folder: string): Promise<Index> {
  const path = join(folder, indexFile)
  const bytes = await readRegularFile(path).catch((error: unknown) => {
    throw new TsbuildError('ARCHIVE_INVALID', `Cannot read layout "${folder}": it has no ${indexFile}`, {
      cause: error,
    })
  })
  const document = parseManifest(bytes, mediaTypes.ociIndex, `"${path}"`)
  if (document.kind === 'index') return document.index
  throw new TsbuildError('ARCHIVE_INVALID', `Cannot read layout "${folder}": its ${indexFile} is no index`)
}

async function enterIndex(folder: string, descriptor: Descriptor, tag: string | undefined): Promise<void> {
  const empty: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }
  const present = await stat(join(folder, indexFile)).catch(() => undefined)
  const current = present === undefined ? empty : await readIndex(folder)
  const others = current.manifests.filter(({ digest, annotations }) =>
    tag === undefined ? digest !== descriptor.digest : annotations?.[refNameAnnotation] !== tag,
  )
  const { mediaType, digest, size } = descriptor
  const entry: Descriptor = {
    mediaType,
    digest,
    size,
    ...(tag === undefined ? {} : { annotations: { [refNameAnnotation]: tag } }),
  }
  makeDirectories(folder)
  await writeFileAtomic(join(folder, indexFile), JSON.stringify({ ...current, manifests: [...others, entry] }), {
    sync: false,
  })
}

async function readBlobFile(folder: string, digest: Digest, limit: number): Promise<Uint8Array> {
  const path = join(folder, blobPath(digest))
  const file = await openRegularFile(path).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT'))
      throw new TsbuildError('ARCHIVE_INVALID', `Cannot read layout "${folder}": blob ${digest} is missing`)
    throw error
  })
  try {
    if ((await file.stat()).size > limit)
      throw new TsbuildError(
        'ARCHIVE_INVALID',
        `Cannot read layout "${folder}": manifest ${digest} has more than ${limit} bytes`,
      )
    const bytes = await file.readFile()
    const algorithm = digestAlgorithm(digest)
    if (`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` === digest) return bytes
    throw new TsbuildError('DIGEST_MISMATCH', `Cannot read layout "${folder}": blob ${digest} has other content`)
  } finally {
    await file.close()
  }
}

/** A file as a blob; what it holds is verified where it is read from its start to its end. */
export function fileBlob(path: string, digest: Digest, size: number, offset = 0): BlobSource {
  return {
    digest,
    size,
    async *open(start = 0, end = size) {
      if (end <= start) return
      const hash = createHash(digestAlgorithm(digest))
      const stream = createReadStream(path, { start: offset + start, end: offset + end - 1, highWaterMark: 64 * 1024 })
      let last: Uint8Array | undefined
      for await (const chunk of sparingly(stream as AsyncIterable<Uint8Array>)) {
        hash.update(chunk)
        if (last !== undefined) yield last
        last = chunk
      }
      if (start === 0 && end === size && `${digestAlgorithm(digest)}:${hash.digest('hex')}` !== digest) {
        throw new TsbuildError('DIGEST_MISMATCH', `Cannot read "${path}": it is not blob ${digest}`)
      }
      if (last !== undefined) yield last
    },
  }
}

/** False when the blob is there. It gets its name only when it is whole and verified. */
async function writeBlobFile(folder: string, blob: BlobSource): Promise<boolean> {
  const path = join(folder, blobPath(blob.digest))
  const present = await stat(path).catch(() => undefined)
  if (present?.size === blob.size) return false
  makeDirectories(dirname(path))
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`
  const hash = createHash(digestAlgorithm(blob.digest))
  const out = createWriteStream(temporary, { mode: 0o644 })
  try {
    const { pipeline } = await import('node:stream/promises')
    await pipeline(async function* () {
      for await (const chunk of blob.open()) {
        hash.update(chunk)
        yield chunk
      }
    }, out)
    const actual = `${digestAlgorithm(blob.digest)}:${hash.digest('hex')}`
    if (actual !== blob.digest)
      throw new TsbuildError('DIGEST_MISMATCH', `Cannot write blob ${blob.digest}: its content is ${actual}`)
    await rename(temporary, path)
    return true
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
