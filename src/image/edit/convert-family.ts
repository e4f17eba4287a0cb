import { TsbuildError } from '../../base/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import { maxIndexDepth, parseManifest } from '../../oci/manifest.ts'
import { convertType, familyOf, isIndexType, isManifestType } from '../../oci/media-types.ts'
import type { Family } from '../../oci/media-types.ts'
import type { Descriptor, Index, Manifest } from '../../oci/types.ts'
import { encodedDocument } from '../transfer/copy-content.ts'
import type { ContentSource, RawManifest } from '../transfer/endpoint.ts'
import { overlaySource } from './overlay-source.ts'

/**
 * The same image or index in the other family of formats: manifests are written anew, configs and layers keep their bytes, so the image
 * ID stays. What is of the family already is not touched. Attestations of images that changed are left out: they speak of the old digest.
 * MANIFEST_UNSUPPORTED for what docker's format cannot say (zstd, artifacts, annotations of an index).
 */
export async function convertFamily(source: ContentSource, family: Family): Promise<ContentSource> {
  const manifests = new Map<Digest, RawManifest>()
  const top = await convert({ source, family, manifests }, await source.resolve(), 0)
  return manifests.size === 0 ? source : overlaySource(source, { top, manifests, blobs: new Map() })
}

interface Context {
  readonly source: ContentSource
  readonly family: Family
  readonly manifests: Map<Digest, RawManifest>
}

async function convert(context: Context, raw: RawManifest, depth: number): Promise<RawManifest> {
  const { source, family, manifests } = context
  const { mediaType, digest } = raw.descriptor
  const document = parseManifest(raw.bytes, mediaType, `manifest ${digest} of ${source.name}`)
  if (depth > maxIndexDepth)
    throw new TsbuildError('MANIFEST_INVALID', `Cannot convert ${source.name}: it is nested too deep`)
  const made =
    document.kind === 'index'
      ? await convertIndex(context, document.index, depth)
      : convertManifest(context, document.manifest)
  if (made === undefined) return raw
  const converted = encodedDocument({ ...made, mediaType: convertType(made.mediaType, family) })
  manifests.set(converted.descriptor.digest, converted)
  return converted
}

/** Undefined when everything is of the family already. */
async function convertIndex(context: Context, index: Index, depth: number): Promise<Index | undefined> {
  const { source, family } = context
  const changed = new Set<string>()
  const entries: Descriptor[] = []
  for (const entry of index.manifests) {
    const attested = entry.annotations?.[attestedDigest]
    if (attested !== undefined || (!isManifestType(entry.mediaType) && !isIndexType(entry.mediaType))) {
      entries.push(entry)
      continue
    }
    const { descriptor } = await convert(context, await source.manifest(entry.digest), depth + 1)
    if (descriptor.digest !== entry.digest) changed.add(entry.digest)
    entries.push({ ...entry, ...descriptor })
  }
  const manifests = entries.filter((entry) => !changed.has(entry.annotations?.[attestedDigest] ?? ''))
  if (changed.size === 0 && familyOf(index.mediaType) === family) return undefined
  if (
    family === 'docker' &&
    (index.annotations !== undefined || manifests.some((one) => one.annotations !== undefined))
  )
    throw cannotSay(source, 'annotations of an index')
  return { ...index, manifests }
}

function convertManifest({ source, family }: Context, manifest: Manifest): Manifest | undefined {
  const parts = [manifest.config, ...manifest.layers]
  const [config, ...layers] = parts.map((part) => ({ ...part, mediaType: convertType(part.mediaType, family) }))
  const same = parts.every((part, at) => part.mediaType === [config, ...layers][at]?.mediaType)
  if (same && familyOf(manifest.mediaType) === family) return undefined
  const strange = [config, ...layers].find((part) => part !== undefined && familyOf(part.mediaType) !== 'docker')
  if (family === 'docker' && strange !== undefined) throw cannotSay(source, `the type "${strange.mediaType}"`)
  if (family === 'docker' && (manifest.annotations ?? manifest.subject ?? manifest.artifactType) !== undefined)
    throw cannotSay(source, 'annotations, a subject or an artifact type')
  return { ...manifest, config: config ?? manifest.config, layers }
}

const attestedDigest = 'vnd.docker.reference.digest'

function cannotSay(source: ContentSource, what: string): TsbuildError {
  return new TsbuildError(
    'MANIFEST_UNSUPPORTED',
    `Cannot convert ${source.name}: docker's format has no place for ${what}`,
  )
}
