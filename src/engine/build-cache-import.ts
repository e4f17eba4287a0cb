import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TsbuildError, messageOf } from '../base/errors.ts'
import { createLimiter } from '../base/limiter.ts'
import { cacheConfigType, inlineMember, parseCacheDocument } from '../build/remote-cache/cache-document.ts'
import type { CacheDocument, CachedLayer } from '../build/remote-cache/cache-document.ts'
import type { ImportedCache } from '../build/remote-cache/imported-cache.ts'
import type { CacheSource } from '../build/options/cache-option.ts'
import { shownStep, withParent } from '../build/internal-step.ts'
import type { RunContext } from '../build/solver/operation.ts'
import { blobPath } from '../image/archive/layout.ts'
import { chainIds, unpackLayers } from '../image/unpack-layers.ts'
import { parseManifest } from '../oci/manifest.ts'
import { parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Descriptor, Manifest } from '../oci/types.ts'
import { fetchBlob, readBlob } from '../registry/fetch-blob.ts'
import { getManifest } from '../registry/fetch-manifest.ts'
import type { Result } from '../build/solver/operation.ts'
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
      const title = source.kind === 'registry' ? source.ref : source.path
      try {
        return await shownStep(context.emit, `importing cache from ${title}`, () =>
          source.kind === 'registry'
            ? openRegistryCache(engine, source.ref, context)
            : openFolderCache(engine, source.path),
        )
      } catch (error) {
        context.signal.throwIfAborted()
        context.emit({
          kind: 'notice',
          level: 'warning',
          text: `The cache "${title}" is not used: ${messageOf(error)}`,
        })
        return undefined
      }
    }),
  )
  return opened.filter((cache) => cache !== undefined)
}

async function openRegistryCache(engine: Engine, ref: string, { signal }: VerbContext): Promise<ImportedCache> {
  const reference = withDefaultTag(parseReference(ref))
  const action = `Cannot import the cache "${ref}"`
  const registry = await engine.registry()
  const { document } = await getManifest(registry, reference, { signal, action })
  if (document.kind !== 'manifest') throw new TsbuildError('ARCHIVE_INVALID', `${action}: it is an index`)
  const { manifest } = document
  const bring: Bring = (blob, aborted, tell) =>
    registry.transfer(
      reference,
      () =>
        fetchBlob(registry, reference, blob, () => engine.store.content.ingest(blob, { signal: aborted }), {
          signal: aborted,
          action,
          onProgress: tell,
        }),
      aborted,
    )
  const config = await readBlob(registry, reference, manifest.config, maxDocument, { signal, action })
  return {
    title: ref,
    document: documentOf(manifest, config, action),
    unpack: (layers, run) => unpackStack(engine, layers, run, bring),
    fetch: (blob, aborted) => fetched(engine, blob, aborted, bring),
  }
}

async function openFolderCache(engine: Engine, path: string): Promise<ImportedCache> {
  const action = `Cannot import the cache "${path}"`
  const readBlobFile = async (blob: Descriptor): Promise<Uint8Array> => readFile(join(path, blobPath(blob.digest)))
  const bring: Bring = (blob, signal) => copyBlob(engine, join(path, blobPath(blob.digest)), blob, signal)
  const index = parseManifest(
    await readFile(join(path, 'index.json')),
    'application/vnd.oci.image.index.v1+json',
    'the index',
  )
  const entry = index.kind === 'index' ? index.index.manifests[0] : undefined
  if (entry === undefined) throw new TsbuildError('ARCHIVE_INVALID', `${action}: its index is empty`)
  const parsed = parseManifest(await readBlobFile(entry), entry.mediaType, 'the manifest')
  if (parsed.kind !== 'manifest') throw new TsbuildError('ARCHIVE_INVALID', `${action}: it has no manifest`)
  return {
    title: path,
    document: documentOf(parsed.manifest, await readBlobFile(parsed.manifest.config), action),
    unpack: (layers, run) => unpackStack(engine, layers, run, bring),
    fetch: (blob, signal) => fetched(engine, blob, signal, bring),
  }
}

/** A cache manifest has the document as its config; an image carries it inside its own. */
function documentOf(manifest: Manifest, config: Uint8Array, action: string): CacheDocument {
  if (manifest.config.mediaType === cacheConfigType) return parseCacheDocument(config)
  const image = JSON.parse(Buffer.from(config).toString('utf8')) as Readonly<Record<string, unknown>>
  const inline = image[inlineMember]
  if (typeof inline !== 'string') throw new TsbuildError('ARCHIVE_INVALID', `${action}: it carries no cache`)
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
  const { native, snapshots, store } = engine
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
  return unpackLayers(tools, inputs, { signal })
}

async function copyBlob(engine: Engine, path: string, blob: Descriptor, signal: AbortSignal): Promise<void> {
  await using sink = await engine.store.content.ingest(blob, { signal })
  if (sink === undefined) return
  if (sink.offset > 0) await sink.restart()
  for await (const chunk of createReadStream(path)) await sink.write(chunk as Uint8Array)
  await sink.commit()
}
