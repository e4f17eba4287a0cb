import { TsbuildError } from '../../base/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import { maxConfigSize, parseImageConfig } from '../../oci/image-config.ts'
import { parseManifest } from '../../oci/manifest.ts'
import { convertType, isImageConfigType, mediaTypes } from '../../oci/media-types.ts'
import type { Family } from '../../oci/media-types.ts'
import { formatPlatform, samePlatform } from '../../oci/platform.ts'
import type { Descriptor, Index, Platform } from '../../oci/types.ts'
import { encoded } from '../transfer/copy-content.ts'
import type { ContentSource, RawManifest } from '../transfer/endpoint.ts'
import { readSmallBlob } from './read-small-blob.ts'

export interface IndexParts {
  /** Images and indexes to join; entries of an index are taken one by one. */
  readonly sources: readonly ContentSource[]
  /** An index that they are added to. */
  readonly onto?: ContentSource
  readonly family: Family
  readonly annotations: Readonly<Record<string, string>>
}

/**
 * Joins images to an index: a place to copy from, that finds everything where it came from. A platform that comes twice is taken from the
 * later one. Errors: MANIFEST_INVALID, CONFIG_INVALID.
 */
export async function joinIndex(parts: IndexParts): Promise<ContentSource> {
  const homes = new Map<Digest, ContentSource>()
  const entries: Descriptor[] = []
  let base: Index = { schemaVersion: 2, mediaType: convertType(mediaTypes.ociIndex, parts.family), manifests: [] }
  for (const source of [...(parts.onto === undefined ? [] : [parts.onto]), ...parts.sources]) {
    const raw = await source.resolve()
    const document = parseManifest(raw.bytes, raw.descriptor.mediaType, `manifest of ${source.name}`)
    if (document.kind === 'index' && source === parts.onto) base = document.index
    const found = document.kind === 'index' ? document.index.manifests : [await describe(source, raw)]
    for (const entry of found) {
      homes.set(entry.digest, source)
      const at = entries.findIndex((one) => replaces(entry, one))
      if (at >= 0) entries.splice(at, 1)
      entries.push(entry)
    }
  }
  const annotations = { ...base.annotations, ...parts.annotations }
  const top = encoded({
    ...base,
    manifests: entries,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  })
  return joinedSource(top, homes, parts)
}

/** Takes entries of an index away. Error: PLATFORM_NOT_FOUND when nothing is left. */
export async function filterIndex(source: ContentSource, platforms: readonly Platform[]): Promise<ContentSource> {
  const raw = await source.resolve()
  const document = parseManifest(raw.bytes, raw.descriptor.mediaType, `manifest of ${source.name}`)
  if (document.kind === 'manifest')
    throw new TsbuildError('MANIFEST_UNSUPPORTED', `Cannot filter ${source.name}: it is no index`)
  const kept = document.index.manifests.filter(
    ({ platform }) => platform !== undefined && platforms.some((wanted) => samePlatform(wanted, platform)),
  )
  if (kept.length === 0) {
    const offered = document.index.manifests.flatMap(({ platform }) =>
      platform === undefined ? [] : [formatPlatform(platform)],
    )
    throw new TsbuildError(
      'PLATFORM_NOT_FOUND',
      `Cannot filter ${source.name}: none of its platforms is left; it has ${offered.join(', ')}`,
    )
  }
  const top = encoded({ ...document.index, manifests: kept })
  return { ...source, resolve: async () => top }
}

/** An entry with the platform that the image's config tells. */
async function describe(source: ContentSource, raw: RawManifest): Promise<Descriptor> {
  const { mediaType, digest, size } = raw.descriptor
  const document = parseManifest(raw.bytes, mediaType, `manifest of ${source.name}`)
  if (document.kind === 'index' || !isImageConfigType(document.manifest.config.mediaType)) {
    const type = document.kind === 'manifest' ? document.manifest.artifactType : undefined
    return { mediaType, digest, size, ...(type === undefined ? {} : { artifactType: type }) }
  }
  const config = parseImageConfig(
    await readSmallBlob(source, document.manifest.config, maxConfigSize),
    `the config of ${source.name}`,
  )
  const { os, architecture, variant } = config
  const version = config['os.version']
  return {
    mediaType,
    digest,
    size,
    platform: {
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      ...(version === undefined ? {} : { 'os.version': version }),
    },
  }
}

function replaces(entry: Descriptor, other: Descriptor): boolean {
  if (entry.digest === other.digest) return true
  if (entry.platform === undefined || other.platform === undefined || entry.platform.os === 'unknown') return false
  return samePlatform(entry.platform, other.platform) && entry.platform['os.version'] === other.platform['os.version']
}

function joinedSource(top: RawManifest, homes: ReadonlyMap<Digest, ContentSource>, parts: IndexParts): ContentSource {
  const all = [...(parts.onto === undefined ? [] : [parts.onto]), ...parts.sources]
  const [first] = all
  if (first === undefined) throw new TsbuildError('USAGE', 'Cannot make an index of nothing')
  const owners = new Map<Digest, ContentSource>()
  return {
    name: all.map(({ name }) => name).join(' + '),
    repository: new Set(all.map(({ repository }) => repository)).size === 1 ? first.repository : undefined,
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
