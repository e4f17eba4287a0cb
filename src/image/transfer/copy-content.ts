import { allOrNothing } from '../../base/all-or-nothing.ts'
import { TsbuildError, hasCode } from '../../base/errors.ts'
import type { Emit } from '../../base/events.ts'
import { createLimiter } from '../../base/limiter.ts'
import type { Limiter } from '../../base/limiter.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { encodeManifest, maxIndexDepth, parseManifest } from '../../oci/manifest.ts'
import { isForeignLayer, isIndexType, isManifestType } from '../../oci/media-types.ts'
import { formatPlatform, samePlatform } from '../../oci/platform.ts'
import type { Descriptor, Index, Manifest, Platform } from '../../oci/types.ts'
import type { BlobSource } from '../../registry/upload-blob.ts'
import type { ContentSink, ContentSource, RawManifest } from './endpoint.ts'

export interface CopyOptions {
  /** Only these of an index; empty: all. One platform of an index is copied as its manifest alone. */
  readonly platforms: readonly Platform[]
  /** Also signatures, attestations and other manifests that refer to what is copied. */
  readonly referrers: boolean
  /** Also layers that registries are not meant to have. */
  readonly foreignLayers: boolean
  readonly emit: Emit
  readonly signal: AbortSignal
}

export interface CopyResult {
  readonly descriptor: Descriptor
  readonly blobs: { readonly copied: number; readonly mounted: number; readonly existed: number }
  readonly bytes: number
}

/** Blobs on their way at once. */
const jobs = 6

/**
 * Copies an image, an index with all below it, or an artifact, without unpacking anything: bytes and digests stay as they are. Blobs go
 * first, manifests after what they name. Errors: PLATFORM_NOT_FOUND and those of the two places.
 */
export async function copyContent(source: ContentSource, sink: ContentSink, options: CopyOptions): Promise<CopyResult> {
  const copy: Copy = {
    source,
    sink,
    options,
    limiter: createLimiter(jobs),
    done: new Map(),
    counts: { copied: 0, mounted: 0, existed: 0 },
    bytes: 0,
  }
  const top = await chosen(copy, await source.resolve())
  await copyManifest(copy, top, true, 0)
  await sink.finish()
  return { descriptor: top.descriptor, blobs: copy.counts, bytes: copy.bytes }
}

interface Copy {
  readonly source: ContentSource
  readonly sink: ContentSink
  readonly options: CopyOptions
  readonly limiter: Limiter
  readonly done: Map<Digest, Promise<void>>
  readonly counts: { copied: number; mounted: number; existed: number }
  bytes: number
}

/** The part of an index that was asked for: its manifest for one platform, a smaller index for several. */
async function chosen({ source, options }: Copy, top: RawManifest): Promise<RawManifest> {
  const { platforms } = options
  if (platforms.length === 0) return top
  const document = parseManifest(top.bytes, top.descriptor.mediaType, `manifest of ${source.name}`)
  if (document.kind === 'manifest') return top
  const kept = platforms.map((platform) => {
    const entry = document.index.manifests.find(
      (one) => one.platform !== undefined && samePlatform(one.platform, platform),
    )
    if (entry !== undefined) return entry
    const offered = document.index.manifests.flatMap((one) =>
      one.platform === undefined ? [] : [formatPlatform(one.platform)],
    )
    throw new TsbuildError(
      'PLATFORM_NOT_FOUND',
      `Cannot copy ${source.name}: it is not made for ${formatPlatform(platform)}; it has ${offered.join(', ')}`,
    )
  })
  const [only] = kept
  if (kept.length === 1 && only !== undefined) return source.manifest(only.digest)
  return encodedDocument({ ...document.index, manifests: kept })
}

export function encodedDocument(document: Index | Manifest): RawManifest {
  const bytes = Buffer.from(encodeManifest(document))
  return { bytes, descriptor: { mediaType: document.mediaType, digest: sha256(bytes), size: bytes.byteLength } }
}

async function copyManifest(copy: Copy, manifest: RawManifest, top: boolean, depth: number): Promise<void> {
  const { sink, options } = copy
  const { descriptor } = manifest
  const known = await sink.hasManifest(descriptor.digest)
  if (!known) await copyBelow(copy, manifest, depth)
  if (top || !known) {
    await sink.putManifest(manifest, top).catch(async (error: unknown) => {
      // A registry may have an index and have lost, by a deletion, what the index names.
      if (!known || !hasCode(error, 'REGISTRY_REFUSED')) throw error
      await copyBelow(copy, manifest, depth)
      await sink.putManifest(manifest, top)
    })
  }
  if (options.referrers) await copyReferrers(copy, descriptor.digest, depth)
  options.emit({
    kind: 'transfer',
    parent: sink.name,
    item: descriptor.digest,
    phase: known && !top ? 'exists' : 'pushed',
    done: descriptor.size,
  })
  options.signal.throwIfAborted()
}

async function copyBelow(copy: Copy, manifest: RawManifest, depth: number): Promise<void> {
  const { descriptor } = manifest
  if (depth > maxIndexDepth)
    throw new TsbuildError(
      'MANIFEST_INVALID',
      `Cannot copy ${copy.source.name}: it is nested more than ${maxIndexDepth} deep`,
    )
  const document = parseManifest(
    manifest.bytes,
    descriptor.mediaType,
    `manifest ${descriptor.digest} of ${copy.source.name}`,
  )
  if (document.kind === 'index') {
    for (const entry of document.index.manifests) await copyEntry(copy, entry, depth)
    return
  }
  const { config, layers } = document.manifest
  const wanted = [config, ...layers].filter(({ mediaType }) => copy.options.foreignLayers || !isForeignLayer(mediaType))
  const stop = new AbortController()
  await allOrNothing(
    wanted.map((blob) => copyBlobOnce(copy, blob)),
    stop,
  )
}

/** An index may name anything; what is no manifest is a blob. */
async function copyEntry(copy: Copy, entry: Descriptor, depth: number): Promise<void> {
  if (!isIndexType(entry.mediaType) && !isManifestType(entry.mediaType)) return copyBlobOnce(copy, entry)
  await copyManifest(copy, await copy.source.manifest(entry.digest), false, depth + 1)
}

async function copyReferrers(copy: Copy, subject: Digest, depth: number): Promise<void> {
  if (depth > maxIndexDepth) return
  for (const referrer of await copy.source.referrers(subject)) {
    await copyManifest(copy, await copy.source.manifest(referrer.digest), false, depth + 1)
  }
}

function copyBlobOnce(copy: Copy, blob: Descriptor): Promise<void> {
  const known = copy.done.get(blob.digest) ?? copy.limiter.run(() => copyBlob(copy, blob), copy.options.signal)
  copy.done.set(blob.digest, known)
  return known
}

async function copyBlob(copy: Copy, blob: Descriptor): Promise<void> {
  const { source, sink, options, counts } = copy
  const tell = (phase: 'uploading' | 'exists' | 'mounted' | 'pushed', done: number): void =>
    options.emit({ kind: 'transfer', parent: sink.name, item: blob.digest, phase, done, total: blob.size })
  const content = await source.blob(blob)
  const outcome = await sink.putBlob(
    counted(content, (done) => tell('uploading', done)),
    blob,
    source,
  )
  switch (outcome) {
    case 'exists':
      counts.existed += 1
      return tell('exists', blob.size)
    case 'mounted':
      counts.mounted += 1
      return tell('mounted', blob.size)
    case 'copied':
      counts.copied += 1
      copy.bytes += blob.size
      return tell('pushed', blob.size)
  }
}

function counted(blob: BlobSource, onProgress: (done: number) => void): BlobSource {
  return {
    ...blob,
    async *open(start = 0, end = blob.size) {
      let done = start
      for await (const chunk of blob.open(start, end)) {
        yield chunk
        done += chunk.byteLength
        onProgress(done)
      }
    },
  }
}
