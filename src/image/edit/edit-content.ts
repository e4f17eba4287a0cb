import { TsbuildError } from '../../base/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import { sha256 } from '../../oci/digest.ts'
import { maxConfigSize } from '../../oci/image-config.ts'
import { encodeManifest, maxIndexDepth, parseManifest } from '../../oci/manifest.ts'
import { isImageConfigType, isIndexType, isManifestType } from '../../oci/media-types.ts'
import type { Descriptor, Index, Manifest } from '../../oci/types.ts'
import { bytesBlob } from '../../registry/blob-sources.ts'
import type { BlobSource } from '../../registry/upload-blob.ts'
import type { ContentSource, RawManifest } from '../transfer/endpoint.ts'
import { overlaySource } from './overlay-source.ts'
import { readSmallBlob } from './read-small-blob.ts'

/** A config as it stands, members that we do not know included. */
export type RawConfig = Readonly<Record<string, unknown>>

/** One platform's image under edit. Its config descriptor is made anew from `config`. */
export interface EditableImage {
  readonly manifest: Manifest
  readonly config: RawConfig
  /** New blobs that the manifest names. */
  readonly blobs?: readonly BlobSource[]
}

export interface ContentEdit {
  readonly image: (image: EditableImage) => Promise<EditableImage>
  /** For an index as a whole, after its images. */
  readonly index?: (index: Index) => Index
}

/**
 * Edits an image, or every image of an index: configs and manifests are written anew, layers stay where they are. Attestations of images
 * that changed are left out: they speak of the old digest. The result is a place to copy from. Errors: MANIFEST_*, CONFIG_INVALID.
 */
export async function editContent(source: ContentSource, edit: ContentEdit): Promise<ContentSource> {
  const manifests = new Map<Digest, RawManifest>()
  const blobs = new Map<Digest, BlobSource>()
  const context: Context = { source, edit, manifests, blobs }
  const top = await editManifest(context, await source.resolve(), 0)
  return overlaySource(source, { top, manifests, blobs })
}

interface Context {
  readonly source: ContentSource
  readonly edit: ContentEdit
  readonly manifests: Map<Digest, RawManifest>
  readonly blobs: Map<Digest, BlobSource>
}

async function editManifest(context: Context, raw: RawManifest, depth: number): Promise<RawManifest> {
  const { source } = context
  const document = parseManifest(
    raw.bytes,
    raw.descriptor.mediaType,
    `manifest ${raw.descriptor.digest} of ${source.name}`,
  )
  if (depth > maxIndexDepth)
    throw new TsbuildError('MANIFEST_INVALID', `Cannot edit ${source.name}: it is nested too deep`)
  return document.kind === 'index' ? editIndex(context, document.index, depth) : editImage(context, document.manifest)
}

async function editIndex(context: Context, index: Index, depth: number): Promise<RawManifest> {
  const entries: Descriptor[] = []
  const changed = new Set<string>()
  for (const entry of index.manifests) {
    if (isAttestation(entry) || (!isManifestType(entry.mediaType) && !isIndexType(entry.mediaType))) {
      entries.push(entry)
      continue
    }
    const { descriptor } = await editManifest(context, await context.source.manifest(entry.digest), depth + 1)
    if (descriptor.digest !== entry.digest) changed.add(entry.digest)
    entries.push({ ...entry, mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size })
  }
  const kept = entries.filter((entry) => !changed.has(entry.annotations?.[attestedDigest] ?? ''))
  return remember(context, context.edit.index?.({ ...index, manifests: kept }) ?? { ...index, manifests: kept })
}

async function editImage(context: Context, manifest: Manifest): Promise<RawManifest> {
  const { source, edit, blobs } = context
  if (!isImageConfigType(manifest.config.mediaType)) {
    throw new TsbuildError(
      'MANIFEST_UNSUPPORTED',
      `Cannot edit ${source.name}: it is an artifact of type "${manifest.artifactType ?? manifest.config.mediaType}"`,
    )
  }
  const bytes = await readSmallBlob(source, manifest.config, maxConfigSize)
  const edited = await edit.image({ manifest, config: parseConfig(bytes, source.name) })
  const config = Buffer.from(JSON.stringify(edited.config))
  const blob = bytesBlob(config)
  blobs.set(blob.digest, blob)
  for (const one of edited.blobs ?? []) blobs.set(one.digest, one)
  return remember(context, {
    ...edited.manifest,
    config: { mediaType: manifest.config.mediaType, digest: blob.digest, size: blob.size },
  })
}

function remember({ manifests }: Context, document: Manifest | Index): RawManifest {
  const bytes = Buffer.from(encodeManifest(document))
  const raw = { bytes, descriptor: { mediaType: document.mediaType, digest: sha256(bytes), size: bytes.byteLength } }
  manifests.set(raw.descriptor.digest, raw)
  return raw
}

/** BuildKit names the manifest that an attestation speaks of by this annotation. */
const attestedDigest = 'vnd.docker.reference.digest'

function isAttestation({ annotations, platform }: Descriptor): boolean {
  return annotations?.[attestedDigest] !== undefined || platform?.os === 'unknown'
}

export function parseConfig(bytes: Uint8Array, name: string): RawConfig {
  const value: unknown = parseJson(bytes)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as RawConfig
  throw new TsbuildError('CONFIG_INVALID', `Cannot read the config of ${name}: it is no JSON object`)
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}
