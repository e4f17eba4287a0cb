import { hasCode } from '../base/errors.ts'
import type { Emit } from '../base/events.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform, platformDistance } from '../oci/platform.ts'
import { familiarReference, formatRepository, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor, ImageConfig, Manifest } from '../oci/types.ts'
import type { RegistryClient } from '../registry/client.ts'
import { fetchBlob } from '../registry/fetch-blob.ts'
import { headManifest } from '../registry/fetch-manifest.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import type { ContentStore } from '../store/content.ts'
import type { Store } from '../store/store.ts'
import { digestName, findByName, tagName } from './find-image.ts'
import { layersToUnpack } from './image-layers.ts'
import type { ImageRecords } from './image-records.ts'
import type { LocalImage, PulledImage, PullOptions } from './image-service.ts'
import { fetchDocuments, storeDocument } from './remote-documents.ts'
import type { ImageDocuments } from './remote-documents.ts'
import { chainIds, unpackLayers } from './unpack-layers.ts'
import type { PackedInput, UnpackTools } from './unpack-layers.ts'

export interface PullTools {
  readonly store: Store
  readonly records: ImageRecords
  readonly unpacking: UnpackTools
  readonly registry: () => Promise<RegistryClient>
}

/**
 * Brings one platform of an image into the store: manifest (HEAD first: Docker Hub counts only GET), config, then the layers side by side,
 * each unpacked as soon as it is here. Nothing is recorded before everything is verified and unpacked; blobs that arrived stay for the
 * next attempt. Errors: PLATFORM_NOT_FOUND, MANIFEST_*, CONFIG_INVALID, DIGEST_MISMATCH, LAYER_INVALID, REGISTRY_*, CANCELLED.
 */
export async function pullImage(tools: PullTools, name: Reference, options: PullOptions): Promise<PulledImage> {
  return bring(tools, name, options, fetchImage)
}

/** What `pullImage` would bring, by its documents alone: no layer is fetched, and the image gets neither record nor name. */
export async function resolveImage(tools: PullTools, name: Reference, options: PullOptions): Promise<LocalImage> {
  return (await bring(tools, name, options, fetchDescription)).image
}

async function bring(tools: PullTools, name: Reference, options: PullOptions, fetch: Fetch): Promise<PulledImage> {
  const reference = withDefaultTag(name)
  const { content } = tools.store
  const local = await findByName(tools.records, content, reference, options.platform)
  try {
    const registry = await tools.registry()
    const digest = reference.digest ?? (await resolveTag(registry, reference, options))
    if (local !== undefined && local.target.digest === digest && isComplete(tools, local)) {
      return { image: local, changed: false }
    }
    return { image: await fetch(tools, registry, reference, digest, options), changed: true }
  } catch (error) {
    const away = hasCode(
      error,
      'REGISTRY_UNREACHABLE',
      'REGISTRY_TIMEOUT',
      'REGISTRY_UNAVAILABLE',
      'REGISTRY_THROTTLED',
    )
    if (options.policy !== 'newer' || local === undefined || !away) throw error
    options.emit({ kind: 'notice', level: 'warning', text: `The local image is used: ${error.message}` })
    return { image: local, changed: false }
  }
}

/** Undefined where the registry does not tell: the manifest itself is asked for then, whose refusal has a text. */
async function resolveTag(
  registry: RegistryClient,
  reference: Reference,
  options: PullOptions,
): Promise<Digest | undefined> {
  const action = `Cannot pull "${familiarReference(reference)}"`
  const { signal, emit } = options
  return (await headManifest(registry, reference, { signal, action, notify: warner(emit) }))?.digest
}

/** Brings an image, or what is wanted of it. The digest is that of the name; undefined where the registry does not tell. */
type Fetch = (
  tools: PullTools,
  registry: RegistryClient,
  reference: Reference,
  digest: Digest | undefined,
  options: PullOptions,
) => Promise<LocalImage>

const fetchImage: Fetch = async (tools, registry, reference, digest, options) => {
  const { action, documents, layers } = await readDocuments(tools, registry, reference, digest, options)
  await fetchLayers(tools, registry, reference, documents.manifest, layers, { ...options, action })
  return record(tools, reference, documents, layers)
}

const fetchDescription: Fetch = async (tools, registry, reference, digest, options) => {
  const { documents, layers } = await readDocuments(tools, registry, reference, digest, options)
  await storeDocuments(tools, documents)
  tools.store.db.transaction(() => recordBlobs(tools, reference, documents, layers))
  return localImage(documents)
}

interface ReadDocuments {
  readonly action: string
  readonly documents: ImageDocuments
  readonly layers: readonly PackedInput[]
}

async function readDocuments(
  tools: PullTools,
  registry: RegistryClient,
  reference: Reference,
  digest: Digest | undefined,
  options: PullOptions,
): Promise<ReadDocuments> {
  const wanted = digest === undefined ? reference : withDigest(reference, digest)
  const action = `Cannot pull "${familiarReference(reference)}"`
  const documents = await fetchDocuments({ registry, content: tools.store.content }, wanted, {
    ...options,
    action,
    notify: warner(options.emit),
  })
  warnOfPlatform(documents.config, reference, options)
  return { action, documents, layers: layersToUnpack(documents.manifest, documents.config, action) }
}

interface FetchOptions extends PullOptions {
  readonly action: string
}

/** Downloads and unpacks side by side; the first failure stops everything. */
async function fetchLayers(
  tools: PullTools,
  registry: RegistryClient,
  reference: Reference,
  manifest: Manifest,
  layers: readonly PackedInput[],
  options: FetchOptions,
): Promise<Snapshot | null> {
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const known = knownLayers(tools, layers)
  const tell = teller(options.emit, reference)
  const downloads = new Map<Digest, Promise<void>>()
  const inputs = layers.map((layer, at): PackedInput => {
    const descriptor = manifest.layers[at]
    if (descriptor === undefined || at < known) {
      tell(layer.blob, 'exists')
      return layer
    }
    const arrived =
      downloads.get(layer.blob) ??
      download(tools.store.content, registry, reference, descriptor, tell, { ...options, signal })
    downloads.set(layer.blob, arrived)
    arrived.catch(() => undefined)
    return { ...layer, arrived }
  })
  try {
    return await unpackLayers(tools.unpacking, inputs, {
      signal,
      onProgress: ({ blob }, done, total) => tell(blob, 'extracting', done, total),
      onDone: ({ blob }) => tell(blob, 'pulled'),
    })
  } catch (error) {
    stop.abort(error)
    const ended = await Promise.allSettled(downloads.values())
    // A failed download also fails the unpacking: the cause is what people need.
    const cause = ended.find((one) => one.status === 'rejected' && !hasCode(one.reason, 'CANCELLED'))
    throw cause?.status === 'rejected' && !options.signal.aborted ? cause.reason : error
  }
}

async function download(
  content: ContentStore,
  registry: RegistryClient,
  reference: Reference,
  layer: Descriptor,
  tell: Teller,
  options: FetchOptions,
): Promise<void> {
  const { signal, action } = options
  let done = 0
  tell(layer.digest, 'waiting')
  await registry.transfer(
    reference,
    () =>
      fetchBlob(registry, reference, layer, () => content.ingest(layer, { signal }), {
        signal,
        action,
        notify: (note) => tell(layer.digest, 'retrying', done, layer.size, note),
        onProgress: (bytes) => {
          done = bytes
          tell(layer.digest, 'downloading', bytes, layer.size)
        },
      }),
    signal,
  )
}

function warner(emit: Emit): (note: string) => void {
  return (text) => emit({ kind: 'notice', level: 'warning', text })
}

type Phase = 'waiting' | 'exists' | 'downloading' | 'retrying' | 'extracting' | 'pulled'
type Teller = (blob: Digest, phase: Phase, done?: number, total?: number, note?: string) => void

function teller(emit: Emit, reference: Reference): Teller {
  const parent = familiarReference(reference)
  return (item, phase, done = 0, total, note) =>
    emit({
      kind: 'transfer',
      parent,
      item,
      phase,
      done,
      ...(total === undefined ? {} : { total }),
      ...(note === undefined ? {} : { note }),
    })
}

/** Layers from the base that are unpacked already: they are not needed as blobs. */
function knownLayers(tools: PullTools, layers: readonly PackedInput[]): number {
  return chainIds(layers).findLastIndex((chain) => tools.unpacking.snapshots.byChain(chain) !== undefined) + 1
}

function isComplete(tools: PullTools, image: LocalImage): boolean {
  const layers = layersToUnpack(image.manifest, image.config, 'Cannot use the local image')
  const known = knownLayers(tools, layers)
  return layers.slice(known).every(({ blob }) => tools.store.content.size(blob) !== undefined)
}

/** Names move last, in one transaction with all that is known of the image's blobs. */
async function record(
  tools: PullTools,
  reference: Reference,
  documents: ImageDocuments,
  layers: readonly PackedInput[],
): Promise<LocalImage> {
  const { records, store } = tools
  const { target, manifestDescriptor, manifest } = documents
  await storeDocuments(tools, documents)
  store.db.transaction(() => {
    records.addImage(manifestDescriptor.digest, manifest.config.digest)
    if (reference.tag !== undefined) records.setRef(tagName(reference), target)
    records.setRef(digestName(reference, target.digest), target)
    recordBlobs(tools, reference, documents, layers)
  })
  return localImage(documents)
}

async function storeDocuments({ store }: PullTools, { written }: ImageDocuments): Promise<void> {
  for (const document of written) await storeDocument(store.content, document.descriptor, document.bytes)
}

/** Which blob each layer is, and where they can be had: a push mounts them from there. */
function recordBlobs(
  { records }: PullTools,
  reference: Reference,
  { manifest }: ImageDocuments,
  layers: readonly PackedInput[],
): void {
  const source = formatRepository(reference)
  for (const [at, layer] of layers.entries()) {
    const descriptor = manifest.layers[at]
    if (descriptor !== undefined) records.addLayerBlob({ diffId: layer.diffId, descriptor })
  }
  for (const blob of [manifest.config, ...manifest.layers]) records.addSource(blob.digest, source)
}

function localImage({ target, manifestDescriptor, manifest, config }: ImageDocuments): LocalImage {
  return { id: manifest.config.digest, target, manifestDescriptor, manifest, config }
}

/** An image without an index is taken as it is, whatever it was made for; running it may fail. */
function warnOfPlatform(config: ImageConfig, reference: Reference, options: PullOptions): void {
  if (platformDistance(options.platform, config) !== undefined) return
  options.emit({
    kind: 'notice',
    level: 'warning',
    text: `Image "${familiarReference(reference)}" is made for ${formatPlatform(config)}, not for ${formatPlatform(options.platform)}`,
  })
}
