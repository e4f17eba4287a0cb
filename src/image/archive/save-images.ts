import { TsbuildError } from '../../base/errors.ts'
import type { Emit } from '../../base/events.ts'
import { sha256, shortId } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { encodeManifest } from '../../oci/manifest.ts'
import { isIndexType, mediaTypes } from '../../oci/media-types.ts'
import { familiarReference, formatReference } from '../../oci/reference.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Descriptor, Index, Manifest } from '../../oci/types.ts'
import { completeChildren } from '../index-children.ts'
import type { LocalImage } from '../image-service.ts'
import { outgoingLayers } from '../packed-layers.ts'
import type { LayerCompression, OutgoingLayer, PackTools } from '../packed-layers.ts'
import {
  blobPath,
  dockerManifestFile,
  fullNameAnnotation,
  indexFile,
  layoutContent,
  layoutFile,
  memoryFile,
  refNameAnnotation,
} from './layout.ts'
import type { ArchiveFile } from './layout.ts'

/** An image to save and the names under which it shall be found. */
export interface SavedImage {
  readonly image: LocalImage
  readonly names: readonly Reference[]
  /** Of its entry in index.json. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface SaveOptions {
  /** `docker`: a layout that docker, podman and OCI tools read, with docker's manifest.json beside index.json. */
  readonly format: 'docker' | 'oci'
  /** Layers of our own are written uncompressed, straight from their files, unless a compression is asked for. */
  readonly compression: LayerCompression
  /** All platforms of an index, where they are here. */
  readonly allPlatforms: boolean
  readonly emit: Emit
  readonly signal: AbortSignal
}

/**
 * The files of an archive of images, each blob once, in the order in which they are to be written. Nothing is copied to disk on the
 * way unless layers are compressed. Errors: BLOB_MISSING, STORE_CORRUPT.
 */
export async function* saveImages(
  tools: PackTools,
  images: readonly SavedImage[],
  options: SaveOptions,
): AsyncGenerator<ArchiveFile> {
  const written = new Set<Digest>()
  const entries: Descriptor[] = []
  const listed: object[] = []
  for (const saving of images) {
    const { image, names } = saving
    const children = options.allPlatforms ? await completeChildren(tools.store.content, image) : undefined
    const saved: Saved[] = []
    for (const one of children ?? [image]) {
      const part = await describe(tools, one, options)
      saved.push(part)
      yield* fresh(part.files, written)
    }
    if (children !== undefined) yield* fresh([storedFile(tools, image.target)], written)
    const target = children === undefined ? saved[0]?.descriptor : image.target
    if (target !== undefined) entries.push(...named(target, saving))
    for (const { config, layers } of saved.slice(0, 1)) listed.push(dockerEntry(config, layers, names))
  }
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries }
  yield memoryFile(indexFile, JSON.stringify(index))
  if (options.format === 'docker') yield memoryFile(dockerManifestFile, JSON.stringify(listed))
  yield memoryFile(layoutFile, layoutContent)
}

interface Saved {
  readonly descriptor: Descriptor
  readonly config: Digest
  readonly layers: readonly Digest[]
  readonly files: readonly (ArchiveFile & { readonly digest: Digest })[]
}

async function describe(tools: PackTools, image: LocalImage, options: SaveOptions): Promise<Saved> {
  const { content } = tools.store
  const outgoing = outgoingLayers(tools, image, options.compression)
  const layers: { readonly descriptor: Descriptor; readonly file: Saved['files'][number] }[] = []
  for (const layer of outgoing) layers.push(await layerFile(tools, layer, options))
  const descriptors = layers.map(({ descriptor }) => descriptor)
  const unchanged = descriptors.every((layer, at) => layer.digest === image.manifest.layers[at]?.digest)
  const manifest: Manifest = { ...image.manifest, layers: descriptors }
  const bytes = unchanged ? await content.read(image.manifestDescriptor.digest) : Buffer.from(encodeManifest(manifest))
  const digest = unchanged ? image.manifestDescriptor.digest : sha256(bytes)
  return {
    descriptor: { mediaType: manifest.mediaType, digest, size: bytes.byteLength },
    config: image.manifest.config.digest,
    layers: descriptors.map((layer) => layer.digest),
    files: [
      ...layers.map(({ file }) => file),
      storedFile(tools, image.manifest.config),
      { digest, ...memoryFile(blobPath(digest), bytes) },
    ],
  }
}

async function layerFile(
  tools: PackTools,
  layer: OutgoingLayer,
  options: SaveOptions,
): Promise<{ readonly descriptor: Descriptor; readonly file: Saved['files'][number] }> {
  const { digest, size } = layer.local
  // The local manifest names our own layers as the tars that packing gives: those are streamed.
  const streamed = layer.known === undefined && options.compression.kind === 'none' && digest === layer.diffId
  if (streamed) {
    return {
      descriptor: layer.local,
      file: { digest, path: blobPath(digest), size, open: () => layer.stream(options.signal) },
    }
  }
  const descriptor = await layer.pack(options.signal, (done, total) =>
    options.emit({ kind: 'transfer', parent: 'save', item: digest, phase: 'extracting', done, total }),
  )
  return { descriptor, file: storedFile(tools, descriptor) }
}

function storedFile({ store: { content } }: PackTools, { digest, size }: Descriptor): Saved['files'][number] {
  if (content.size(digest) === undefined) {
    throw new TsbuildError('BLOB_MISSING', `Cannot save blob ${shortId(digest)}: it is not in the store`, {
      hint: 'Pull the image again',
    })
  }
  return { digest, path: blobPath(digest), size, open: () => content.stream(digest) }
}

function* fresh(files: Saved['files'], written: Set<Digest>): Generator<ArchiveFile> {
  for (const file of files) {
    if (written.has(file.digest)) continue
    written.add(file.digest)
    yield file
  }
}

function named(target: Descriptor, { image: { config }, names, annotations }: SavedImage): readonly Descriptor[] {
  const { os, architecture, variant } = config
  const { mediaType, digest, size } = target
  const base: Descriptor = {
    mediaType,
    digest,
    size,
    // An index has a platform for each of its entries, and none itself.
    ...(isIndexType(mediaType)
      ? {}
      : { platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } }),
    ...(annotations === undefined ? {} : { annotations }),
  }
  if (names.length === 0) return [base]
  return names.map((name) => ({
    ...base,
    annotations: {
      ...annotations,
      [fullNameAnnotation]: formatReference(name),
      ...(name.tag === undefined ? {} : { [refNameAnnotation]: name.tag }),
    },
  }))
}

function dockerEntry(config: Digest, layers: readonly Digest[], names: readonly Reference[]): object {
  return {
    Config: blobPath(config),
    RepoTags: names
      .filter(({ tag }) => tag !== undefined)
      .map((name) => familiarReference({ ...name, digest: undefined })),
    Layers: layers.map(blobPath),
  }
}
