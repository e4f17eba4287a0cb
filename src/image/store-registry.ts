import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { byteRange } from '../base/byte-range.ts'
import { TsbuildError, hasCode } from '../base/errors.ts'
import { sparingly } from '../base/sparingly.ts'
import { digestAlgorithm, isDigest, parseDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import { parseManifest } from '../oci/manifest.ts'
import { isImageConfigType, isIndexType } from '../oci/media-types.ts'
import { familiarRepository, formatRepository, parseReference, parseRepository, withTag } from '../oci/reference.ts'
import type { Repository } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import { storedBlob } from '../registry/blob-sources.ts'
import { RegistryFault } from '../registry/serve/fault.ts'
import type { RegistryStorage, ServedBlob, ServedManifest, Upload } from '../registry/serve/storage.ts'
import type { ContentStore } from '../store/content.ts'
import { digestName, tagName } from './find-image.ts'
import type { RefRecord } from './image-records.ts'
import { indexNames } from './index-children.ts'
import type { PackTools } from './packed-layers.ts'
import { storeDocument } from './remote-documents.ts'
import { streamLayer } from './stream-layer.ts'

/**
 * The local store as the storage of a registry server: `basic-img` is what `docker.io/library/basic-img` is called here, other hosts stand
 * in front of the path. Layers that were built here and have no blob are served as the uncompressed tars that the manifest names, packed
 * on their way out. What is pushed becomes an image of the store.
 */
export function createStoreRegistry(tools: PackTools, signal: AbortSignal): RegistryStorage {
  const { store, records } = tools
  const { content } = store

  async function manifest(repository: string, reference: string | Digest): Promise<ServedManifest | undefined> {
    const target = await targetOf(repository, reference)
    if (target === undefined || content.size(target) === undefined) return undefined
    const bytes = await content.read(target)
    const document = parseManifest(bytes, undefined, `manifest ${target}`)
    const { mediaType } = document.kind === 'index' ? document.index : document.manifest
    return { mediaType, digest: target, bytes }
  }

  async function targetOf(path: string, reference: string | Digest): Promise<Digest | undefined> {
    const repository = repositoryOf(path)
    if (repository === undefined) return undefined
    if (!isDigest(reference)) return records.ref(tagName(withTag(repository, reference)))?.target.digest
    const targets = refsOf(repository).map(({ target }) => target)
    const has = targets.some(({ digest }) => digest === reference) || (await indexNames(content, targets, reference))
    return has ? reference : undefined
  }

  function refsOf(repository: Repository): readonly RefRecord[] {
    return records.refsIn(formatRepository(repository))
  }

  async function blob(_repository: string, digest: Digest): Promise<ServedBlob | undefined> {
    const size = content.size(digest)
    if (size !== undefined) return { size, open: storedBlob(content, { digest, size }).open }
    const snapshot = tools.snapshots.list().find(({ diffId }) => diffId === digest)
    if (snapshot === undefined) return undefined
    const layer = (): AsyncIterable<Uint8Array> =>
      streamLayer(tools.native, tools.snapshots.layer(snapshot.id), digest, signal)
    return {
      size: snapshot.size,
      open: (start, end) => (start === 0 && end === snapshot.size ? layer() : byteRange(layer(), start, end)),
    }
  }

  return {
    manifest,
    blob,
    async repositories() {
      return [...new Set(records.refs().map(({ name }) => servedName(parseReference(name))))]
    },
    async tags(path) {
      const repository = repositoryOf(path)
      if (repository === undefined) return undefined
      const refs = refsOf(repository)
      return refs.length === 0 ? undefined : refs.flatMap(({ name }) => parseReference(name).tag ?? [])
    },
    async missing(repository, descriptors) {
      const found = await Promise.all(descriptors.map(({ digest }) => blob(repository, digest)))
      return descriptors.filter((_, at) => found[at] === undefined)
    },
    async putManifest(path, tags, served) {
      const repository = repositoryOf(path)
      if (repository === undefined)
        throw new TsbuildError('REFERENCE_INVALID', `Cannot store under "${path}": it is no image name`)
      const target: Descriptor = { mediaType: served.mediaType, digest: served.digest, size: served.bytes.byteLength }
      await storeDocument(content, target, served.bytes)
      const config = configOf(served)
      store.db.transaction(() => {
        if (config !== undefined) records.addImage(served.digest, config)
        records.setRef(digestName({ ...repository, tag: undefined, digest: served.digest }, served.digest), target)
        for (const tag of tags) records.setRef(tagName(withTag(repository, tag)), target)
      })
    },
    async deleteManifest(path, reference) {
      const repository = repositoryOf(path)
      if (repository === undefined) return false
      const refs = refsOf(repository)
      const going = isDigest(reference)
        ? refs.filter(({ target }) => target.digest === reference)
        : refs.filter(({ name }) => name === tagName(withTag(repository, reference)))
      if (isDigest(reference)) {
        const others = refs.filter((ref) => !going.includes(ref)).map(({ target }) => target)
        if (await indexNames(content, others, reference))
          throw new RegistryFault('UNSUPPORTED', `An index of ${path} names ${reference}: delete that first`)
      }
      store.db.transaction(() => {
        for (const { name } of going) records.removeRef(name)
        if (isDigest(reference) && records.refsTo(reference).length === 0) records.removeImage(reference)
      })
      return going.length > 0
    },
    deleteBlob: async () => false,
    begin: () => beginUpload(content),
    async referrers(path, digest) {
      const repository = repositoryOf(path)
      if (repository === undefined) return []
      const found = new Map<Digest, Descriptor>()
      for (const { target } of refsOf(repository)) {
        const served = await manifest(path, target.digest)
        const entry = served === undefined ? undefined : referrer(served, digest)
        if (entry !== undefined) found.set(entry.digest, entry)
      }
      return [...found.values()]
    },
  }
}

/** How a repository is called in paths: what people type, with library/ left out. */
function servedName(repository: Repository): string {
  return familiarRepository(repository)
}

/** Undefined for a path that is no image name here. */
function repositoryOf(path: string): Repository | undefined {
  try {
    return parseRepository(path)
  } catch (error) {
    if (hasCode(error, 'REFERENCE_INVALID', 'DIGEST_INVALID')) return undefined
    throw error
  }
}

function configOf({ mediaType, bytes }: ServedManifest): Digest | undefined {
  if (isIndexType(mediaType)) return undefined
  const document = parseManifest(bytes, mediaType, 'the manifest')
  if (document.kind === 'index' || !isImageConfigType(document.manifest.config.mediaType)) return undefined
  return document.manifest.config.digest
}

/** distribution-spec "Listing Referrers": type and annotations of the manifest stand in its descriptor. */
function referrer({ mediaType, digest, bytes }: ServedManifest, subject: Digest): Descriptor | undefined {
  const document = parseManifest(bytes, mediaType, `manifest ${digest}`)
  const body = document.kind === 'index' ? document.index : document.manifest
  if (body.subject?.digest !== subject) return undefined
  const artifactType =
    body.artifactType ?? (document.kind === 'manifest' ? document.manifest.config.mediaType : undefined)
  return {
    mediaType,
    digest,
    size: bytes.byteLength,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(body.annotations === undefined ? {} : { annotations: body.annotations }),
  }
}

async function beginUpload(content: ContentStore): Promise<Upload> {
  const scratch = await content.scratch()
  const file = await open(scratch.path, 'wx+', 0o600)
  const hash = createHash('sha256')
  let size = 0
  return {
    get size() {
      return size
    },
    async write(chunk) {
      hash.update(chunk)
      await file.appendFile(chunk)
      size += chunk.byteLength
    },
    async commit(digest) {
      const actual =
        digestAlgorithm(digest) === 'sha256'
          ? parseDigest(`sha256:${hash.digest('hex')}`)
          : await hashWhole(file, digest)
      if (actual !== digest)
        throw new TsbuildError('DIGEST_MISMATCH', `Cannot store ${digest}: the content has the digest ${actual}`)
      await scratch.adopt(digest, size)
    },
    async [Symbol.asyncDispose]() {
      await file.close()
      await scratch[Symbol.asyncDispose]()
    },
  }
}

async function hashWhole(file: Awaited<ReturnType<typeof open>>, digest: Digest): Promise<Digest> {
  const algorithm = digestAlgorithm(digest)
  const hash = createHash(algorithm)
  const content = file.createReadStream({ start: 0, autoClose: false }) as AsyncIterable<Uint8Array>
  for await (const chunk of sparingly(content)) hash.update(chunk)
  return parseDigest(`${algorithm}:${hash.digest('hex')}`)
}
