import { allOrNothing } from '../base/all-or-nothing.ts'
import { hasCode } from '../base/errors.ts'
import type { Emit } from '../base/events.ts'
import { sha256 } from '../oci/digest.ts'
import { encodeManifest } from '../oci/manifest.ts'
import { isForeignLayer, isIndexType } from '../oci/media-types.ts'
import { formatPlatform } from '../oci/platform.ts'
import { familiarReference, formatRepository, parseRepository, withDigest } from '../oci/reference.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import type { Descriptor, Manifest, Platform } from '../oci/types.ts'
import { remoteBlob, storedBlob } from '../registry/blob-sources.ts'
import type { RegistryClient } from '../registry/client.ts'
import { putManifest } from '../registry/put-manifest.ts'
import { blobExists, uploadBlob } from '../registry/upload-blob.ts'
import type { BlobSource, UploadOptions, UploadResult, UploadShape } from '../registry/upload-blob.ts'
import { digestName } from './find-image.ts'
import type { LocalImage } from './image-service.ts'
import { completeChildren } from './index-children.ts'
import { outgoingLayers } from './packed-layers.ts'
import type { LayerCompression, OutgoingLayer, PackTools } from './packed-layers.ts'

export interface PushTools extends PackTools {
  readonly registry: () => Promise<RegistryClient>
}

export interface PushOptions {
  readonly platform: Platform
  readonly compression: LayerCompression
  readonly shape?: UploadShape
  readonly emit: Emit
  readonly signal: AbortSignal
}

export interface PushedImage {
  /** What the name points to in the registry now. */
  readonly descriptor: Descriptor
}

/**
 * Pushes an image under a name: layers side by side (looked for, mounted from repositories of the same registry that hold them, else
 * uploaded, ours packed first), then the config, then the manifest, so that a name never points to what is not there. An index
 * is pushed whole when all of it is in the store, else the platform's image alone, and says so.
 * Errors: BLOB_MISSING, REGISTRY_*, STORE_*, CANCELLED.
 */
export async function pushImage(
  tools: PushTools,
  image: LocalImage,
  reference: Reference,
  options: PushOptions,
): Promise<PushedImage> {
  const registry = await tools.registry()
  const push: Push = { tools, registry, reference, options, action: `Cannot push "${familiarReference(reference)}"` }
  const children = await wholeIndex(push, image)
  if (children === undefined) {
    const descriptor = await pushManifest(push, image, reference)
    // It can be found by the digest that is printed.
    tools.records.setRef(digestName(reference, descriptor.digest), descriptor)
    return { descriptor }
  }
  for (const child of children) await pushManifest(push, child, withDigest(reference, child.manifestDescriptor.digest))
  const bytes = await tools.store.content.read(image.target.digest)
  await putManifest(registry, reference, { descriptor: image.target, bytes }, putOptions(push))
  tools.records.setRef(digestName(reference, image.target.digest), image.target)
  return { descriptor: image.target }
}

interface Push {
  readonly tools: PushTools
  readonly registry: RegistryClient
  readonly reference: Reference
  readonly options: PushOptions
  readonly action: string
}

/** Undefined: only the chosen platform can be pushed. */
async function wholeIndex(push: Push, image: LocalImage): Promise<readonly LocalImage[] | undefined> {
  const children = await completeChildren(push.tools.store.content, image)
  if (children === undefined && isIndexType(image.target.mediaType)) {
    const text = `Only ${formatPlatform(image.config)} is pushed: the store does not have all that the index names`
    push.options.emit({ kind: 'notice', level: 'info', text })
  }
  return children
}

async function pushManifest(push: Push, image: LocalImage, reference: Reference): Promise<Descriptor> {
  const { tools, registry, options } = push
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const inner = { ...push, options: { ...options, signal } }
  const layers = outgoingLayers(tools, image, options.compression)
  const pushed = await allOrNothing(
    layers.map((layer) => pushLayer(inner, layer)),
    stop,
  )
  const { config } = image.manifest
  await uploadBlob(registry, reference, storedBlob(tools.store.content, config), uploadOptions(push, config))
  const manifest: Manifest = { ...image.manifest, layers: pushed }
  const unchanged = pushed.every((layer, at) => layer.digest === image.manifest.layers[at]?.digest)
  const bytes = unchanged
    ? await tools.store.content.read(image.manifestDescriptor.digest)
    : Buffer.from(encodeManifest(manifest))
  const descriptor: Descriptor = unchanged
    ? { mediaType: image.manifest.mediaType, digest: image.manifestDescriptor.digest, size: bytes.byteLength }
    : { mediaType: manifest.mediaType, digest: sha256(bytes), size: bytes.byteLength }
  await putManifest(registry, reference, { descriptor, bytes }, putOptions(push))
  await remember(push, image, descriptor, bytes, [config, ...pushed])
  return descriptor
}

/** The pushed form is an image of the store, too. */
async function remember(
  { tools, reference }: Push,
  image: LocalImage,
  descriptor: Descriptor,
  bytes: Uint8Array,
  blobs: readonly Descriptor[],
): Promise<void> {
  const { store, records } = tools
  if (store.content.size(descriptor.digest) === undefined) await store.content.put(bytes)
  const repository = formatRepository(reference)
  store.db.transaction(() => {
    records.addImage(descriptor.digest, image.id)
    for (const blob of blobs) records.addSource(blob.digest, repository)
  })
}

async function pushLayer(push: Push, layer: OutgoingLayer): Promise<Descriptor> {
  const { registry, reference, options, tools } = push
  const { signal } = options
  if (isForeignLayer(layer.local.mediaType)) return layer.local
  const tell = teller(push, layer.local)
  tell('waiting')
  const { known } = layer
  if (known !== undefined && tools.store.content.size(known.digest) === undefined) {
    // Only its digest is remembered. The registry may have it; else it is made again, or brought from where it was seen.
    if (await blobExists(registry, reference, known.digest, { signal, action: push.action })) {
      tell('exists')
      return known
    }
    const elsewhere = layer.local.digest === known.digest ? sourceElsewhere(push, known) : undefined
    if (elsewhere !== undefined) return transfer(push, layer, known, elsewhere)
  }
  const descriptor = await registry.transfer(
    reference,
    () => layer.pack(signal, (done, total) => tell('extracting', done, total)),
    signal,
  )
  return transfer(push, layer, descriptor, storedBlob(tools.store.content, descriptor))
}

async function transfer(
  push: Push,
  layer: OutgoingLayer,
  descriptor: Descriptor,
  source: BlobSource,
): Promise<Descriptor> {
  const { registry, reference, options } = push
  const tell = teller(push, layer.local)
  const result = await registry.transfer(
    reference,
    () =>
      uploadBlob(registry, reference, source, {
        ...uploadOptions(push, descriptor),
        notify: (note) => tell('retrying', 0, descriptor.size, note),
        onProgress: (done) => tell('uploading', done, descriptor.size),
      }),
    options.signal,
  )
  tell(...outcome(result, descriptor))
  return descriptor
}

function outcome(result: UploadResult, { size }: Descriptor): Parameters<Teller> {
  switch (result.kind) {
    case 'exists':
      return ['exists']
    case 'mounted':
      return ['mounted', size, size, result.from]
    case 'pushed':
      return ['pushed', size, size]
  }
}

/** A registry layer whose blob is not here is brought from a repository where it was seen. */
function sourceElsewhere({ tools, registry, options, action }: Push, blob: Descriptor): BlobSource | undefined {
  for (const name of tools.records.sources(blob.digest)) {
    const repository = repositoryOf(name)
    if (repository !== undefined) return remoteBlob(registry, repository, blob, { signal: options.signal, action })
  }
  return undefined
}

function uploadOptions({ tools, reference, options, action }: Push, blob: Descriptor): UploadOptions {
  const mountFrom = tools.records
    .sources(blob.digest)
    .map(repositoryOf)
    .filter((source) => source?.registry === reference.registry && source.repository !== reference.repository)
    .map((source) => source?.repository ?? '')
  return { signal: options.signal, action, mountFrom, ...(options.shape === undefined ? {} : { shape: options.shape }) }
}

/** What an older record calls a repository may not parse any more; that loses a hint, nothing else. */
function repositoryOf(name: string): Repository | undefined {
  try {
    return parseRepository(name)
  } catch (error) {
    if (hasCode(error, 'REFERENCE_INVALID')) return undefined
    throw error
  }
}

function putOptions({ options, action }: Push): {
  readonly signal: AbortSignal
  readonly action: string
  readonly notify: (note: string) => void
} {
  return { signal: options.signal, action, notify: (text) => options.emit({ kind: 'notice', level: 'warning', text }) }
}

type Teller = (
  phase: 'waiting' | 'extracting' | 'uploading' | 'retrying' | 'exists' | 'mounted' | 'pushed',
  done?: number,
  total?: number,
  note?: string,
) => void

function teller({ options, reference }: Push, { digest: item }: Descriptor): Teller {
  const parent = familiarReference(reference)
  return (phase, done = 0, total, note) =>
    options.emit({
      kind: 'transfer',
      parent,
      item,
      phase,
      done,
      ...(total === undefined ? {} : { total }),
      ...(note === undefined ? {} : { note }),
    })
}
