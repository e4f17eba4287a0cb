import { TsbuildError, hasErrno, messageOf } from '../base/errors.ts'
import { createLimiter } from '../base/limiter.ts'
import { cacheConfigType, inlineMember, parseCacheDocument } from '../build/remote-cache/cache-document.ts'
import type { CacheDocument, CachedLayer } from '../build/remote-cache/cache-document.ts'
import type { ImportedCache } from '../build/remote-cache/imported-cache.ts'
import { defaultCacheTag } from '../build/options/cache-option.ts'
import type { CacheSource } from '../build/options/cache-option.ts'
import { shownStep, withParent } from '../build/internal-step.ts'
import type { RunContext } from '../build/solver/operation.ts'
import { chainIds, unpackLayers } from '../image/unpack-layers.ts'
import { parseManifest } from '../oci/manifest.ts'
import { formatRepository, parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Descriptor, Manifest } from '../oci/types.ts'
import { fetchBlob, readBlob } from '../registry/fetch-blob.ts'
import { getManifest } from '../registry/fetch-manifest.ts'
import type { Result } from '../build/solver/operation.ts'
import { copyLayoutBlob, layoutEntries, layoutTag, readLayoutDocument } from './layout-folder.ts'
import type { Engine, VerbContext } from './engine.ts'

/** Cache documents are small; more is not one. */
const maxDocument = 64 * 1024 * 1024

/** Opens all caches side by side. One that is missing or broken is a warning. */
export async function importCaches(
  engine: Engine,
  sources: readonly CacheSource[],
  context: VerbContext,
): Promise<readonly ImportedCache[]> {
  const opened = await Promise.all(
    sources.map(async (source) => {
      const title = titleOf(source)
      try {
        return await shownStep(context.emit, `importing cache from ${title}`, () => openCache(engine, source, context))
      } catch (error) {
        context.signal.throwIfAborted()
        context.emit({
          kind: 'notice',
          level: 'warning',
          text: `The cache "${title}" is not used: ${messageOf(error)}`,
        })
        return []
      }
    }),
  )
  return opened.flat()
}

function titleOf(source: CacheSource): string {
  switch (source.kind) {
    case 'registry':
      return source.ref
    case 'local':
      return source.path
    case 'foreign':
      return source.type
  }
}

async function openCache(engine: Engine, source: CacheSource, context: VerbContext): Promise<readonly ImportedCache[]> {
  switch (source.kind) {
    case 'registry':
      return openRegistryCache(engine, source.ref, context)
    case 'local':
      return [await openFolderCache(engine, source)]
    case 'foreign':
      throw new TsbuildError('USAGE', 'tsbuild reads caches of registries and folders only')
  }
}

/** An index is of an image for several platforms, each of which carries a cache of its own. */
async function openRegistryCache(
  engine: Engine,
  ref: string,
  { signal }: VerbContext,
): Promise<readonly ImportedCache[]> {
  const reference = withDefaultTag(parseReference(ref))
  const action = 'Cannot read it'
  const registry = await engine.registry()
  const { content } = engine.store
  const bring: Bring = async (blob, aborted, tell) => {
    const options = { signal: aborted, action, onProgress: tell }
    const ingest = (): ReturnType<typeof content.ingest> => content.ingest(blob, { signal: aborted })
    await registry.transfer(reference, () => fetchBlob(registry, reference, blob, ingest, options), aborted)
    engine.imageRecords.addSource(blob.digest, formatRepository(reference))
  }
  const open = async (manifest: Manifest): Promise<ImportedCache> => {
    const config = await readBlob(registry, reference, manifest.config, maxDocument, { signal, action })
    return {
      title: ref,
      document: documentOf(manifest, config),
      unpack: (layers, run) => unpackStack(engine, layers, run, bring),
      fetch: (blob, aborted) => fetched(engine, blob, aborted, bring),
    }
  }
  const { document } = await getManifest(registry, reference, { signal, action })
  if (document.kind === 'manifest') return [await open(document.manifest)]
  return Promise.all(
    document.index.manifests.map(async ({ digest }) => {
      const child = await getManifest(registry, withDigest(reference, digest), { signal, action })
      if (child.document.kind === 'manifest') return open(child.document.manifest)
      throw new TsbuildError('ARCHIVE_INVALID', 'its index names another index')
    }),
  )
}

async function openFolderCache(
  engine: Engine,
  { path, tag = defaultCacheTag, digest }: Extract<CacheSource, { readonly kind: 'local' }>,
): Promise<ImportedCache> {
  const caches = await layoutEntries(path).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new TsbuildError('ARCHIVE_INVALID', 'there is no such cache', { cause: error })
    throw error
  })
  const entry = caches.find((one) => (digest === undefined ? layoutTag(one) === tag : one.digest === digest))
  if (entry === undefined) {
    const missing = digest === undefined ? `tag "${tag}"` : `digest ${digest}`
    throw new TsbuildError('ARCHIVE_INVALID', `it has no cache of ${missing}`)
  }
  const bring: Bring = (blob, signal) => copyLayoutBlob(engine.store.content, path, blob, signal)
  const parsed = parseManifest(await readLayoutDocument(path, entry), entry.mediaType, 'the manifest')
  if (parsed.kind !== 'manifest') throw new TsbuildError('ARCHIVE_INVALID', 'it has no manifest')
  const { config } = parsed.manifest
  return {
    title: path,
    document: documentOf(parsed.manifest, await readLayoutDocument(path, config)),
    unpack: (layers, run) => unpackStack(engine, layers, run, bring),
    fetch: (blob, signal) => fetched(engine, blob, signal, bring),
  }
}

/** A cache manifest has the document as its config; an image carries it inside its own. */
function documentOf(manifest: Manifest, config: Uint8Array): CacheDocument {
  if (manifest.config.mediaType === cacheConfigType) return parseCacheDocument(config)
  const image = JSON.parse(Buffer.from(config).toString('utf8')) as Readonly<Record<string, unknown>>
  const inline = image[inlineMember]
  if (typeof inline !== 'string') throw new TsbuildError('ARCHIVE_INVALID', 'it carries no cache')
  const document = parseCacheDocument(Buffer.from(inline, 'base64'))
  // The image's own manifest says where its layers are.
  const blobs = new Map(
    manifest.layers.map((blob, at) => [(image['rootfs'] as { diff_ids?: readonly string[] })?.diff_ids?.[at], blob]),
  )
  return {
    ...document,
    layers: document.layers.map((layer) => {
      const blob = blobs.get(layer.diffId)
      return { diffId: layer.diffId, parent: layer.parent, ...(blob === undefined ? {} : { blob }) }
    }),
  }
}

/** Makes a blob be in the store. */
type Bring = (blob: Descriptor, signal: AbortSignal, tell: (done: number) => void) => Promise<void>

async function fetched({ store }: Engine, blob: Descriptor, signal: AbortSignal, bring: Bring): Promise<string> {
  await bring(blob, signal, () => {})
  return store.content.path(blob.digest)
}

async function unpackStack(
  engine: Engine,
  layers: readonly Required<CachedLayer>[],
  { id, emit, signal }: RunContext,
  bring: Bring,
): Promise<Result> {
  const { imageRecords, native, snapshots, store } = engine
  const chains = chainIds(layers)
  const known = chains.findLastIndex((chain) => snapshots.byChain(chain) !== undefined) + 1
  const tellAll = withParent(emit, id)
  const inputs = layers.map(({ diffId, blob }, at) => {
    if (at < known) return { diffId, blob: blob.digest }
    const tell = (done: number): void =>
      tellAll({ kind: 'transfer', parent: id, item: blob.digest, phase: 'downloading', done, total: blob.size })
    const arrived = bring(blob, signal, tell)
    arrived.catch(() => {})
    return { diffId, blob: blob.digest, arrived }
  })
  const tools = { native, snapshots, content: store.content, lease: store.lease, limiter: createLimiter(2) }
  const top = await unpackLayers(tools, inputs, { signal })
  // A push gives these layers as they came: packed anew, those of a base would not be the same bytes.
  for (const { diffId, blob } of layers.slice(known)) imageRecords.addLayerBlob({ diffId, descriptor: blob })
  return top
}
