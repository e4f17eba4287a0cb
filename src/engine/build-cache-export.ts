import { readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeFileAtomic } from '../base/atomic-file.ts'
import { hasCode, hasErrno, messageOf } from '../base/errors.ts'
import { createLimiter } from '../base/limiter.ts'
import { shownStep } from '../build/internal-step.ts'
import type { CacheTarget } from '../build/options/cache-option.ts'
import { cacheConfigType, inlineMember } from '../build/remote-cache/cache-document.ts'
import type { CacheDocument } from '../build/remote-cache/cache-document.ts'
import { blobsOf, collectCache } from '../build/remote-cache/collect-cache.ts'
import type { CacheRecord } from '../build/solver/cache.ts'
import type { Result } from '../build/solver/operation.ts'
import { writeFolder } from '../image/archive/folder-archive.ts'
import {
  blobPath,
  indexFile,
  layoutContent,
  layoutFile,
  memoryFile,
  refNameAnnotation,
} from '../image/archive/layout.ts'
import type { ArchiveFile } from '../image/archive/layout.ts'
import type { ChainId } from '../oci/digest.ts'
import { sha256 } from '../oci/digest.ts'
import { encodeManifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { formatRepository, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Descriptor, Manifest } from '../oci/types.ts'
import { storedBlob } from '../registry/blob-sources.ts'
import { putManifest } from '../registry/put-manifest.ts'
import { uploadBlob } from '../registry/upload-blob.ts'
import { layoutEntries, layoutTag } from './layout-folder.ts'
import { packCacheLayer, packMounts } from './build-cache-layers.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface CacheExportRequest {
  readonly targets: readonly CacheTarget[]
  readonly records: readonly CacheRecord[]
  readonly results: readonly Result[]
  /** Ids of the cache mounts of the build's steps. */
  readonly mounts: ReadonlySet<string>
}

/** Writes the cache of a build to all targets but inline ones. A target with ignore-error warns instead of failing. */
export async function exportCaches(engine: Engine, request: CacheExportRequest, context: VerbContext): Promise<void> {
  for (const target of request.targets) {
    if (target.kind === 'inline') continue
    const title = target.kind === 'registry' ? target.ref : target.path
    try {
      await shownStep(context.emit, `exporting cache to ${title}`, async () => {
        const document = await documentFor(engine, target, request, context)
        if (target.kind === 'registry') await pushCache(engine, target.ref, document, context)
        else await writeCache(engine, target, document, context)
      })
    } catch (error) {
      if (!target.ignoreError || context.signal.aborted) throw error
      context.emit({ kind: 'notice', level: 'warning', text: `The cache was not exported: ${messageOf(error)}` })
    }
  }
}

/** The member of an image's config that carries its cache; undefined when no target asks for it. */
export async function inlineCache(
  engine: Engine,
  request: CacheExportRequest,
  context: VerbContext,
): Promise<Readonly<Record<string, string>> | undefined> {
  const target = request.targets.find(({ kind }) => kind === 'inline')
  if (target === undefined) return undefined
  const { layers, ...document } = await documentFor(engine, target, request, context)
  // The blobs are those of the image's manifest, which does not exist yet.
  const bare = layers.map(({ diffId, parent }) => ({ diffId, parent }))
  return { [inlineMember]: Buffer.from(JSON.stringify({ ...document, layers: bare })).toString('base64') }
}

async function documentFor(
  engine: Engine,
  target: CacheTarget,
  { records, results, mounts }: CacheExportRequest,
  { signal }: VerbContext,
): Promise<CacheDocument> {
  const { snapshots } = engine
  const limiter = createLimiter(2)
  return collectCache({
    records,
    results: results.flatMap((result) => (result === null ? [] : [result.id])),
    mode: target.mode,
    mounts: target.mounts ? await packMounts(engine, mounts, target.compression, signal) : [],
    chainOf(identity) {
      const top = snapshots.byChain(identity as ChainId)
      return top === undefined ? (identity === 'scratch' ? [] : undefined) : snapshots.chain(top.id)
    },
    pack: (snapshot) =>
      target.kind === 'inline'
        ? Promise.resolve({ mediaType: '', digest: snapshot.diffId, size: 0 })
        : limiter.run(() => packCacheLayer(engine, snapshot, target.compression, signal)),
  })
}

interface CacheManifest {
  readonly config: Descriptor
  readonly configBytes: Buffer
  readonly bytes: Buffer
  readonly descriptor: Descriptor
  readonly blobs: readonly Descriptor[]
}

/** An image manifest whose config is the document: the form that all registries accept. */
function cacheManifest(document: CacheDocument): CacheManifest {
  const configBytes = Buffer.from(JSON.stringify(document))
  const config = { mediaType: cacheConfigType, digest: sha256(configBytes), size: configBytes.byteLength }
  const blobs = blobsOf(document)
  const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: blobs }
  const bytes = Buffer.from(encodeManifest(manifest))
  const descriptor = { mediaType: manifest.mediaType, digest: sha256(bytes), size: bytes.byteLength }
  return { config, configBytes, bytes, descriptor, blobs }
}

async function pushCache(engine: Engine, ref: string, document: CacheDocument, { signal }: VerbContext): Promise<void> {
  const { store, imageRecords } = engine
  const reference = withDefaultTag(parseReference(ref))
  const registry = await engine.registry()
  const action = `Cannot export the cache to "${ref}"`
  const { config, configBytes, bytes, descriptor, blobs } = cacheManifest(document)
  await store.content.put(configBytes)
  await Promise.all(
    [...blobs, config].map((blob) =>
      registry.transfer(
        reference,
        async () => {
          const mountFrom = imageRecords.sources(blob.digest)
          await uploadBlob(registry, reference, storedBlob(store.content, blob), { signal, action, mountFrom })
          imageRecords.addSource(blob.digest, formatRepository(reference))
        },
        signal,
      ),
    ),
  )
  await putManifest(registry, reference, { descriptor, bytes }, { signal, action })
}

/** Blobs come first and the index last, in one piece: a folder never names what it does not have. */
async function writeCache(
  engine: Engine,
  { path, tag, reset }: Extract<CacheTarget, { readonly kind: 'local' }>,
  document: CacheDocument,
  { signal }: VerbContext,
): Promise<void> {
  const { content } = engine.store
  const { config, configBytes, bytes, descriptor, blobs } = cacheManifest(document)
  async function* files(): AsyncGenerator<ArchiveFile> {
    for (const { digest, size } of blobs) yield { path: blobPath(digest), size, open: () => content.stream(digest) }
    yield memoryFile(blobPath(config.digest), configBytes)
    yield memoryFile(blobPath(descriptor.digest), bytes)
    yield memoryFile(layoutFile, layoutContent)
  }
  await writeFolder(files(), path, signal)
  const others = reset ? [] : (await cachesOf(path)).filter((entry) => layoutTag(entry) !== tag)
  const manifests = [...others, { ...descriptor, annotations: { [refNameAnnotation]: tag } }]
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
  await writeFileAtomic(join(path, indexFile), JSON.stringify(index))
  if (reset) await keepBlobs(path, [descriptor, config, ...blobs])
}

/** The entries of a folder's index; none where it has no index that can be read. */
async function cachesOf(path: string): Promise<readonly Descriptor[]> {
  try {
    return await layoutEntries(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT') || hasCode(error, 'MANIFEST_INVALID')) return []
    throw error
  }
}

/** Removes all other blobs of a folder. */
async function keepBlobs(path: string, blobs: readonly Descriptor[]): Promise<void> {
  const kept = new Set(blobs.map(({ digest }) => blobPath(digest)))
  const folder = dirname(blobPath(sha256('')))
  for (const name of await readdir(join(path, folder))) {
    if (!kept.has(`${folder}/${name}`)) await rm(join(path, folder, name), { force: true })
  }
}
