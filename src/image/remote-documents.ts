import { TsbuildError } from '../base/errors.ts'
import { digestAlgorithm } from '../oci/digest.ts'
import { maxConfigSize, parseImageConfig } from '../oci/image-config.ts'
import { maxIndexDepth, parseManifest } from '../oci/manifest.ts'
import { isImageConfigType } from '../oci/media-types.ts'
import { formatPlatform, selectPlatform } from '../oci/platform.ts'
import { familiarReference, withDigest } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor, ImageConfig, Manifest, Platform } from '../oci/types.ts'
import type { RegistryClient } from '../registry/client.ts'
import { readBlob } from '../registry/fetch-blob.ts'
import { getManifest } from '../registry/fetch-manifest.ts'
import type { RemoteManifest } from '../registry/fetch-manifest.ts'
import type { ContentStore } from '../store/content.ts'

export interface Document {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/** What a registry says of an image for one platform. */
export interface ImageDocuments {
  readonly target: Descriptor
  readonly manifestDescriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
  /** All documents, to be stored when the image is complete. */
  readonly written: readonly Document[]
}

export interface DocumentSources {
  readonly registry: RegistryClient
  /** Looked in first: what is here is not asked for again. */
  readonly content: ContentStore
}

export interface DocumentOptions {
  readonly platform: Platform
  readonly signal: AbortSignal
  /** Start of error messages. */
  readonly action: string
  readonly notify?: (note: string) => void
}

/**
 * Reads manifest and config of an image through indexes of any depth, verified. Nothing is written.
 * Errors: PLATFORM_NOT_FOUND, MANIFEST_*, CONFIG_INVALID, DIGEST_MISMATCH, REGISTRY_*.
 */
export async function fetchDocuments(
  sources: DocumentSources,
  reference: Reference,
  options: DocumentOptions,
): Promise<ImageDocuments> {
  const top = await readManifest(sources, reference, options)
  const written: Document[] = [top]
  let current = top
  let descriptor = top.descriptor
  for (let depth = 0; current.document.kind === 'index'; depth += 1) {
    if (depth === maxIndexDepth) {
      throw new TsbuildError(
        'MANIFEST_INVALID',
        `${options.action}: its index is nested more than ${maxIndexDepth} deep`,
      )
    }
    descriptor = choose(current.document.index.manifests, options)
    current = await readManifest(sources, withDigest(reference, descriptor.digest), options)
    written.push(current)
  }
  const { manifest } = current.document
  if (!isImageConfigType(manifest.config.mediaType)) {
    const type = manifest.artifactType ?? manifest.config.mediaType
    throw new TsbuildError(
      'MANIFEST_UNSUPPORTED',
      `${options.action}: it is an artifact of type "${type}", not an image`,
      {
        hint: `Get its files with: tsbuild registry artifact pull ${familiarReference(reference)}`,
      },
    )
  }
  const configBytes = await readConfig(sources, reference, manifest.config, options)
  const config = parseImageConfig(
    configBytes,
    `the config ${manifest.config.digest} of "${familiarReference(reference)}"`,
    options.platform.architecture,
  )
  written.push({ descriptor: manifest.config, bytes: configBytes })
  return { target: top.descriptor, manifestDescriptor: current.descriptor, manifest, config, written }
}

/** Writes a document under its own digest, whatever the algorithm. */
export async function storeDocument(content: ContentStore, descriptor: Descriptor, bytes: Uint8Array): Promise<void> {
  if (digestAlgorithm(descriptor.digest) === 'sha256') {
    await content.put(bytes)
    return
  }
  await using ingest = await content.ingest(descriptor)
  if (ingest === undefined) return
  await ingest.restart()
  await ingest.write(bytes)
  await ingest.commit()
}

async function readManifest(
  { registry, content }: DocumentSources,
  reference: Reference,
  { signal, action, notify }: DocumentOptions,
): Promise<RemoteManifest> {
  const { digest } = reference
  if (digest !== undefined && content.size(digest) !== undefined) {
    const bytes = await content.read(digest)
    const document = parseManifest(bytes, undefined, `manifest ${digest}`)
    const mediaType = document.kind === 'index' ? document.index.mediaType : document.manifest.mediaType
    return { bytes, document, descriptor: { mediaType, digest, size: bytes.byteLength } }
  }
  return getManifest(registry, reference, { signal, action, ...(notify === undefined ? {} : { notify }) })
}

async function readConfig(
  { registry, content }: DocumentSources,
  reference: Reference,
  config: Descriptor,
  { signal, action, notify }: DocumentOptions,
): Promise<Uint8Array> {
  if (content.size(config.digest) !== undefined) return content.read(config.digest)
  return readBlob(registry, reference, config, maxConfigSize, {
    signal,
    action,
    ...(notify === undefined ? {} : { notify }),
  })
}

function choose(entries: readonly Descriptor[], options: DocumentOptions): Descriptor {
  const found = selectPlatform(entries, options.platform)
  if (found !== undefined) return found
  const offered = entries.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown' ? [] : [formatPlatform(platform)],
  )
  const list =
    offered.length === 0 ? 'it names no platforms' : `it has ${[...new Set(offered)].slice(0, 30).join(', ')}`
  throw new TsbuildError(
    'PLATFORM_NOT_FOUND',
    `${options.action}: it is not made for ${formatPlatform(options.platform)}; ${list}`,
  )
}
