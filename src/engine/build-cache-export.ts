import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { createLimiter } from '../base/limiter.ts'
import { shownStep } from '../build/internal-step.ts'
import { cacheMountRecords } from '../build/ops/cache-mount-records.ts'
import type { CacheTarget } from '../build/options/cache-option.ts'
import { cacheConfigType, inlineMember } from '../build/remote-cache/cache-document.ts'
import type { CacheDocument, CachedMount } from '../build/remote-cache/cache-document.ts'
import { blobsOf, collectCache } from '../build/remote-cache/collect-cache.ts'
import type { CacheRecord } from '../build/solver/cache.ts'
import type { Result } from '../build/solver/operation.ts'
import { writeFolder } from '../image/archive/folder-archive.ts'
import { blobPath, indexFile, layoutContent, layoutFile, memoryFile } from '../image/archive/layout.ts'
import type { ArchiveFile } from '../image/archive/layout.ts'
import { packLayer } from '../layer/layer-store.ts'
import type { ChainId, DiffId } from '../oci/digest.ts'
import { sha256 } from '../oci/digest.ts'
import { encodeManifest } from '../oci/manifest.ts'
import { layerType, mediaTypes } from '../oci/media-types.ts'
import { formatRepository, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Descriptor, Manifest } from '../oci/types.ts'
import { storedBlob } from '../registry/blob-sources.ts'
import { putManifest } from '../registry/put-manifest.ts'
import { uploadBlob } from '../registry/upload-blob.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface CacheExportRequest {
  readonly targets: readonly CacheTarget[]
  readonly records: readonly CacheRecord[]
  readonly results: readonly Result[]
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
        else await writeCache(engine, target.path, document, context)
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
  { records, results }: CacheExportRequest,
  { signal }: VerbContext,
): Promise<CacheDocument> {
  const { snapshots } = engine
  const limiter = createLimiter(2)
  return collectCache({
    records,
    results: results.flatMap((result) => (result === null ? [] : [result.id])),
    mode: target.mode,
    mounts: target.mounts ? await packMounts(engine, target.compression, signal) : [],
    chainOf(identity) {
      const top = snapshots.byChain(identity as ChainId)
      return top === undefined ? (identity === 'scratch' ? [] : undefined) : snapshots.chain(top.id)
    },
    pack: (snapshot) =>
      target.kind === 'inline'
        ? Promise.resolve({ mediaType: '', digest: snapshot.diffId, size: 0 })
        : limiter.run(() => packSnapshot(engine, snapshot, target.compression, signal)),
  })
}

/** A layer's blob: one that is in the store already, else packed from its files. */
async function packSnapshot(
  engine: Engine,
  snapshot: Snapshot,
  compression: CacheTarget['compression'],
  signal: AbortSignal,
): Promise<Descriptor> {
  const { store, native, snapshots, imageRecords } = engine
  const known = imageRecords
    .layerBlobs(snapshot.diffId)
    .find(({ descriptor }) => store.content.size(descriptor.digest) !== undefined)
  if (known !== undefined) return known.descriptor
  const { diffId } = snapshot
  const threads = availableParallelism()
  const packed = await packLayer(native, store.content, snapshots.layer(snapshot.id), {
    compression,
    threads,
    diffId,
    signal,
  })
  const descriptor = { mediaType: layerType('oci', compression), digest: packed.digest, size: packed.size }
  imageRecords.addLayerBlob({ diffId, descriptor })
  return descriptor
}

/** All cache mounts, each as one tar; what changes them meanwhile makes the tar a mix, as with any copy of a directory in use. */
async function packMounts(
  engine: Engine,
  compression: CacheTarget['compression'],
  signal: AbortSignal,
): Promise<readonly CachedMount[]> {
  const { store, native } = engine
  const mounts: CachedMount[] = []
  for (const { key, directory } of cacheMountRecords(store).entries()) {
    await using file = await store.content.scratch()
    const answer = await native.call(
      'pack',
      {
        tree: { kind: 'layers', lower: [join(store.root, 'caches', directory, 'data')] },
        out: file.path,
        compression: { kind: compression, level: compression === 'gzip' ? 6 : 3, threads: availableParallelism() },
        expect: null,
      },
      { signal },
    )
    const { digest, size } = answer['blob'] as { readonly digest: DiffId; readonly size: number }
    await file.adopt(digest, size)
    const blob = { mediaType: layerType('oci', compression), digest, size }
    mounts.push({ id: key, diffId: answer['diffId'] as DiffId, blob })
  }
  return mounts
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

async function writeCache(
  engine: Engine,
  path: string,
  document: CacheDocument,
  { signal }: VerbContext,
): Promise<void> {
  const { content } = engine.store
  const { config, configBytes, bytes, descriptor, blobs } = cacheManifest(document)
  async function* files(): AsyncGenerator<ArchiveFile> {
    for (const { digest, size } of blobs) yield { path: blobPath(digest), size, open: () => content.stream(digest) }
    yield memoryFile(blobPath(config.digest), configBytes)
    yield memoryFile(blobPath(descriptor.digest), bytes)
    yield memoryFile(
      indexFile,
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [descriptor] }),
    )
    yield memoryFile(layoutFile, layoutContent)
  }
  await writeFolder(files(), path, signal)
}
