import { TsbuildError } from '../../base/errors.ts'
import type { DiffId } from '../../oci/digest.ts'
import { maxConfigSize, parseImageConfig } from '../../oci/image-config.ts'
import { maxIndexDepth, parseManifest } from '../../oci/manifest.ts'
import { isImageConfigType, isIndexType, isManifestType, layerCompression } from '../../oci/media-types.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Descriptor, Manifest } from '../../oci/types.ts'
import type { ContentSource, RawManifest } from '../transfer/endpoint.ts'
import { layerEntries } from './layer-entries.ts'
import { readSmallBlob } from './read-small-blob.ts'

/** One thing that was looked at, and what is wrong with it. */
export interface Finding {
  readonly what: string
  readonly error: TsbuildError | undefined
}

/** Reads everything of an image or index and checks it: digests, sizes, documents, DiffIDs, tar format. Problems are findings, not errors. */
export async function* validateContent(source: ContentSource): AsyncGenerator<Finding> {
  const top = await source.resolve()
  yield* validateManifest(source, top, 'manifest', 0)
}

async function* validateManifest(
  source: ContentSource,
  raw: RawManifest,
  what: string,
  depth: number,
): AsyncGenerator<Finding> {
  const parsed = await attempt(async () =>
    parseManifest(raw.bytes, raw.descriptor.mediaType, `${what} ${raw.descriptor.digest}`),
  )
  yield { what: `${what} ${raw.descriptor.digest}`, error: parsed.error }
  const document = parsed.value
  if (document === undefined) return
  if (document.kind === 'manifest') {
    yield* validateImage(source, document.manifest)
    return
  }
  if (depth === maxIndexDepth) {
    yield {
      what: 'index',
      error: new TsbuildError('MANIFEST_INVALID', `Cannot go on: the index is nested more than ${maxIndexDepth} deep`),
    }
    return
  }
  for (const entry of document.index.manifests) yield* validateEntry(source, entry, depth)
}

async function* validateEntry(source: ContentSource, entry: Descriptor, depth: number): AsyncGenerator<Finding> {
  const what = entry.platform === undefined ? 'entry' : `entry for ${formatPlatform(entry.platform)}`
  if (!isIndexType(entry.mediaType) && !isManifestType(entry.mediaType)) {
    yield await blobFinding(source, entry, what)
    return
  }
  const { value, error } = await attempt(() => source.manifest(entry.digest))
  const size = value !== undefined && value.bytes.byteLength !== entry.size
  const wrong = size
    ? new TsbuildError(
        'SIZE_MISMATCH',
        `Manifest ${entry.digest} has ${value.bytes.byteLength} bytes, the index says ${entry.size}`,
      )
    : error
  yield { what: `${what} ${entry.digest}`, error: wrong }
  if (value !== undefined) yield* validateManifest(source, value, 'manifest', depth + 1)
}

async function* validateImage(source: ContentSource, manifest: Manifest): AsyncGenerator<Finding> {
  if (!isImageConfigType(manifest.config.mediaType)) {
    for (const blob of [manifest.config, ...manifest.layers]) yield await blobFinding(source, blob, 'blob')
    return
  }
  const { value: config, error } = await attempt(async () =>
    parseImageConfig(await readSmallBlob(source, manifest.config, maxConfigSize), `config ${manifest.config.digest}`),
  )
  yield { what: `config ${manifest.config.digest}`, error }
  const diffIds = config?.rootfs.diff_ids ?? []
  if (config !== undefined && diffIds.length !== manifest.layers.length) {
    yield {
      what: 'layers',
      error: new TsbuildError(
        'MANIFEST_INVALID',
        `The manifest has ${manifest.layers.length} layers, the config ${diffIds.length}`,
      ),
    }
  }
  for (const [at, layer] of manifest.layers.entries()) {
    const known = layerCompression(layer.mediaType) !== undefined
    yield known ? await layerFinding(source, layer, at, diffIds) : await blobFinding(source, layer, `layer ${at}`)
  }
}

async function layerFinding(
  source: ContentSource,
  layer: Descriptor,
  at: number,
  diffIds: readonly DiffId[],
): Promise<Finding> {
  const { error } = await attempt(async () => {
    for await (const { content } of layerEntries(source, layer, diffIds[at]))
      for await (const chunk of content) void chunk
  })
  return { what: `layer ${at} ${layer.digest}`, error }
}

async function blobFinding(source: ContentSource, blob: Descriptor, what: string): Promise<Finding> {
  const { error } = await attempt(async () => {
    for await (const chunk of (await source.blob(blob)).open()) void chunk
  })
  return { what: `${what} ${blob.digest}`, error }
}

async function attempt<T>(
  action: () => Promise<T>,
): Promise<{ readonly value: T | undefined; readonly error: TsbuildError | undefined }> {
  try {
    return { value: await action(), error: undefined }
  } catch (error) {
    if (error instanceof TsbuildError && error.code !== 'CANCELLED') return { value: undefined, error }
    throw error
  }
}
