import { TsbuildError } from '../../base/errors.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { maxConfigSize, parseImageConfig } from '../../oci/image-config.ts'
import { parseManifest } from '../../oci/manifest.ts'
import { convertType, familyOf, isImageConfigType, mediaTypes } from '../../oci/media-types.ts'
import type { Family } from '../../oci/media-types.ts'
import { samePlatform } from '../../oci/platform.ts'
import type { Descriptor, Index, Platform } from '../../oci/types.ts'
import type { ContentSource, RawManifest } from '../transfer/endpoint.ts'
import { ofPlatforms } from './index-edit.ts'
import { readSmallBlob } from './read-small-blob.ts'

/** An image or index to join; entries of an index are taken one by one. */
export interface IndexPart {
  readonly source: ContentSource
  /** Told instead of what the image's config says, and annotations of its entry. */
  readonly platform?: Platform | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/** An annotation of the entries for one platform, or of all. */
export interface EntryAnnotation {
  readonly platform: Platform | undefined
  readonly name: string
  readonly value: string
}

export interface IndexParts {
  readonly parts: readonly IndexPart[]
  /** An index that they are added to, which keeps its annotations. */
  readonly onto?: ContentSource
  /** Undefined: docker's where all entries and `onto` are docker's and nothing is annotated (its format has no annotations). */
  readonly family: Family | undefined
  readonly annotations: Readonly<Record<string, string>>
  readonly entryAnnotations: readonly EntryAnnotation[]
  /** Only these platforms and their attestations; empty: all. */
  readonly platforms: readonly Platform[]
  /** Whether an entry takes the place of one for the same platform, or stands beside it. */
  readonly samePlatform: 'replace' | 'keep'
  /** What becomes of a single image: an index of it, or the image itself. A single index stays as it is, byte for byte. */
  readonly single: 'index' | 'image'
}

/** Parts as most callers want them. */
export const plainParts: Omit<IndexParts, 'parts'> = {
  family: undefined,
  annotations: {},
  entryAnnotations: [],
  platforms: [],
  samePlatform: 'replace',
  single: 'index',
}

/**
 * Joins images to an index: a place to copy from, that finds everything where it came from. Errors: MANIFEST_INVALID, CONFIG_INVALID,
 * PLATFORM_NOT_FOUND, USAGE for annotations in docker's format.
 */
export async function joinIndex(request: IndexParts): Promise<ContentSource> {
  const { onto } = request
  const parts: readonly IndexPart[] = [...(onto === undefined ? [] : [{ source: onto }]), ...request.parts]
  const [first] = parts
  if (first === undefined) throw new TsbuildError('USAGE', 'Cannot make an index of nothing')
  const homes = new Map<Digest, ContentSource>()
  let entries: readonly Descriptor[] = []
  let base: Partial<Index> = {}
  for (const part of parts) {
    const raw = await part.source.resolve()
    const document = parseManifest(raw.bytes, raw.descriptor.mediaType, `manifest of ${part.source.name}`)
    if (parts.length === 1 && isKept(request, document.kind, part)) return { ...part.source, resolve: async () => raw }
    if (document.kind === 'index' && part.source === onto) base = document.index
    const found = document.kind === 'index' ? document.index.manifests : [await describe(part, raw)]
    for (const entry of found) {
      homes.set(entry.digest, part.source)
      entries = withEntry(entries, entry, request.samePlatform)
    }
  }
  if (request.platforms.length > 0) entries = ofPlatforms(entries, request.platforms, 'Cannot make the index')
  const sources = parts.map(({ source }) => source)
  return joinedSource(encodeIndex(base, entries, request), homes, sources, first.source)
}

/** Nothing is asked that would change the one document: its bytes stay. */
function isKept(request: IndexParts, kind: 'index' | 'manifest', part: IndexPart): boolean {
  const annotated =
    request.entryAnnotations.length > 0 ||
    Object.keys(request.annotations).length > 0 ||
    part.platform !== undefined ||
    part.annotations !== undefined
  if (annotated || request.platforms.length > 0 || request.family !== undefined) return false
  return kind === 'index' || request.single === 'image'
}

function encodeIndex(base: Partial<Index>, entries: readonly Descriptor[], request: IndexParts): RawManifest {
  const manifests = entries.map((entry) => annotated(entry, request.entryAnnotations))
  const annotations = { ...base.annotations, ...request.annotations }
  const hasAnnotations =
    Object.keys(annotations).length > 0 || manifests.some((entry) => entry.annotations !== undefined)
  const allDocker = manifests.every(({ mediaType }) => familyOf(mediaType) === 'docker')
  const docker = allDocker && !hasAnnotations && base.mediaType !== mediaTypes.ociIndex
  const family = request.family ?? (docker ? 'docker' : 'oci')
  const mediaType = convertType(mediaTypes.ociIndex, family)
  if (family === 'docker' && (Object.keys(annotations).length > 0 || request.entryAnnotations.length > 0))
    throw new TsbuildError('USAGE', "Cannot annotate the index: docker's format has no annotations", {
      hint: 'Make an OCI index',
    })
  const index: Index = {
    ...base,
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map(ordered),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  }
  // As buildx writes it: equal input has an equal digest.
  const bytes = Buffer.from(JSON.stringify(index, undefined, 2))
  return { bytes, descriptor: { mediaType, digest: sha256(bytes), size: bytes.byteLength } }
}

function annotated(entry: Descriptor, wanted: readonly EntryAnnotation[]): Descriptor {
  const own = wanted.filter(
    ({ platform }) =>
      platform === undefined || (entry.platform !== undefined && samePlatform(platform, entry.platform)),
  )
  if (own.length === 0) return entry
  const added = Object.fromEntries(own.map(({ name, value }) => [name, value]))
  return { ...entry, annotations: { ...entry.annotations, ...added } }
}

/** Members in the order in which Go's tools write them. */
function ordered({ mediaType, digest, size, annotations, platform, ...rest }: Descriptor): Descriptor {
  return {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform: orderedPlatform(platform) }),
    ...rest,
  }
}

function orderedPlatform({ architecture, os, variant, ...rest }: Platform): Platform {
  return { architecture, os, ...rest, ...(variant === undefined ? {} : { variant }) }
}

/** An entry with the platform that the image's config tells. */
async function describe({ source, platform, annotations }: IndexPart, raw: RawManifest): Promise<Descriptor> {
  const { mediaType, digest, size } = raw.descriptor
  const notes = annotations === undefined ? {} : { annotations }
  const document = parseManifest(raw.bytes, mediaType, `manifest of ${source.name}`)
  if (document.kind === 'index' || !isImageConfigType(document.manifest.config.mediaType)) {
    const type = document.kind === 'manifest' ? document.manifest.artifactType : undefined
    const told = platform === undefined ? {} : { platform }
    return { mediaType, digest, size, ...notes, ...told, ...(type === undefined ? {} : { artifactType: type }) }
  }
  return {
    mediaType,
    digest,
    size,
    ...notes,
    platform: platform ?? (await platformOf(source, document.manifest.config)),
  }
}

/** The platform that an image's config tells. CONFIG_INVALID. */
export async function platformOf(source: ContentSource, config: Descriptor): Promise<Platform> {
  const { os, architecture, variant, ...rest } = parseImageConfig(
    await readSmallBlob(source, config, maxConfigSize),
    `the config of ${source.name}`,
  )
  const [version, features] = [rest['os.version'], rest['os.features']]
  return {
    architecture,
    os,
    ...(version === undefined ? {} : { 'os.version': version }),
    ...(features === undefined ? {} : { 'os.features': features }),
    ...(variant === undefined ? {} : { variant }),
  }
}

/** A manifest that comes twice is one entry with what both say. */
function withEntry(
  entries: readonly Descriptor[],
  entry: Descriptor,
  rule: IndexParts['samePlatform'],
): readonly Descriptor[] {
  const known = entries.find(({ digest }) => digest === entry.digest)
  if (known !== undefined) {
    const annotations = { ...known.annotations, ...entry.annotations }
    const merged = { ...known, ...entry, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) }
    return entries.map((one) => (one === known ? merged : one))
  }
  return [...entries.filter((one) => rule === 'keep' || !replaces(entry, one)), entry]
}

function replaces(entry: Descriptor, other: Descriptor): boolean {
  if (entry.platform === undefined || other.platform === undefined || entry.platform.os === 'unknown') return false
  return samePlatform(entry.platform, other.platform) && entry.platform['os.version'] === other.platform['os.version']
}

/** Everything below the index is read from where its entry came from. */
export function joinedSource(
  top: RawManifest,
  homes: ReadonlyMap<Digest, ContentSource>,
  sources: readonly ContentSource[],
  first: ContentSource,
): ContentSource {
  const owners = new Map<Digest, ContentSource>()
  return {
    name: sources.map(({ name }) => name).join(' + '),
    repository: new Set(sources.map(({ repository }) => repository)).size === 1 ? first.repository : undefined,
    resolve: async () => top,
    async manifest(digest) {
      const home = homes.get(digest) ?? owners.get(digest) ?? first
      const raw = await home.manifest(digest)
      const document = parseManifest(raw.bytes, raw.descriptor.mediaType, `manifest ${digest}`)
      const below =
        document.kind === 'index' ? document.index.manifests : [document.manifest.config, ...document.manifest.layers]
      for (const entry of below) owners.set(entry.digest, home)
      return raw
    },
    blob: (descriptor) => (owners.get(descriptor.digest) ?? homes.get(descriptor.digest) ?? first).blob(descriptor),
    referrers: (digest) => (homes.get(digest) ?? first).referrers(digest),
  }
}
