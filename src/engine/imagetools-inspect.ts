import { maxConfigSize } from '../oci/image-config.ts'
import { readJson } from '../oci/json.ts'
import { parseManifest } from '../oci/manifest.ts'
import type { ManifestDocument } from '../oci/manifest.ts'
import { isImageConfigType, isManifestType } from '../oci/media-types.ts'
import { formatPlatform } from '../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { RegistryClient } from '../registry/client.ts'
import { readBlob } from '../registry/fetch-blob.ts'
import { getManifest, getRawManifest } from '../registry/fetch-manifest.ts'

type Json = Readonly<Record<string, unknown>>

/** What a name of a registry is, as buildx's `imagetools inspect` tells it. */
export interface InspectedImage {
  readonly name: string
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
  readonly document: ManifestDocument
}

/** Configs and attestations: of an image alone, or of an index by platform. */
export interface InspectedContent {
  readonly image: Json
  /** `{ SLSA: … }`, empty where nothing attests it. */
  readonly provenance: Json
  /** `{ SPDX: … }`, empty where nothing attests it. */
  readonly sbom: Json
}

interface Context {
  readonly signal: AbortSignal
}

/** Errors: REFERENCE_INVALID, REGISTRY_*, MANIFEST_*. */
export async function imagetoolsInspect(
  client: RegistryClient,
  name: string,
  { signal }: Context,
): Promise<InspectedImage> {
  const reference = withDefaultTag(parseReference(name))
  const { bytes, mediaType, digest } = await getRawManifest(client, reference, { signal })
  const document = parseManifest(bytes, mediaType, `the manifest of "${name}"`)
  const descriptor = { mediaType, digest, size: bytes.byteLength }
  return { name: formatReference(reference), descriptor, bytes, document }
}

/** Reads the configs, and what attests the images. Errors: as `imagetoolsInspect`, CONFIG_INVALID. */
export async function inspectedContent(
  client: RegistryClient,
  { name, document }: InspectedImage,
  { signal }: Context,
): Promise<InspectedContent> {
  const reader: Reader = { client, reference: parseReference(name), signal }
  if (document.kind === 'manifest') return { image: await readConfig(reader, document), provenance: {}, sbom: {} }
  const entries = document.index.manifests.filter(({ mediaType }) => isManifestType(mediaType))
  const images: Record<string, Json> = {}
  const provenance: Record<string, Json> = {}
  const sbom: Record<string, Json> = {}
  for (const entry of entries) {
    if (entry.platform === undefined || entry.platform.os === 'unknown') continue
    const platform = formatPlatform(entry.platform)
    images[platform] = await readConfig(reader, await readManifest(reader, entry))
    const attestations = entries.filter(({ annotations }) => annotations?.[attestedDigest] === entry.digest)
    for (const attestation of attestations) {
      const found = await readAttestation(reader, attestation)
      if (found.provenance !== undefined) provenance[platform] = { SLSA: found.provenance }
      if (found.sbom !== undefined) sbom[platform] = { SPDX: found.sbom }
    }
  }
  const alone = Object.values(images)
  const platforms = Object.keys(images)
  // An index of one platform is shown as its image.
  if (alone.length === 1 && platforms[0] !== undefined)
    return { image: alone[0]!, provenance: provenance[platforms[0]] ?? {}, sbom: sbom[platforms[0]] ?? {} }
  return { image: images, provenance, sbom }
}

interface Reader extends Context {
  readonly client: RegistryClient
  readonly reference: Reference
}

const attestedDigest = 'vnd.docker.reference.digest'
const predicateType = 'in-toto.io/predicate-type'
/** A statement is a document, not a layer of files. */
const maxStatementSize = 32 * 1024 * 1024

async function readManifest({ client, reference, signal }: Reader, entry: Descriptor): Promise<ManifestDocument> {
  return (await getManifest(client, withDigest(reference, entry.digest), { signal })).document
}

async function readConfig(reader: Reader, document: ManifestDocument): Promise<Json> {
  if (document.kind === 'index' || !isImageConfigType(document.manifest.config.mediaType)) return {}
  return readJsonBlob(reader, document.manifest.config, maxConfigSize)
}

async function readAttestation(
  reader: Reader,
  entry: Descriptor,
): Promise<{ readonly provenance?: unknown; readonly sbom?: unknown }> {
  const document = await readManifest(reader, entry)
  if (document.kind === 'index') return {}
  const found: { provenance?: unknown; sbom?: unknown } = {}
  for (const layer of document.manifest.layers) {
    const type = layer.annotations?.[predicateType] ?? ''
    if (type.startsWith('https://slsa.dev/provenance/'))
      found.provenance = (await readJsonBlob(reader, layer, maxStatementSize))['predicate']
    else if (type === 'https://spdx.dev/Document')
      found.sbom = (await readJsonBlob(reader, layer, maxStatementSize))['predicate']
  }
  return found
}

async function readJsonBlob({ client, reference, signal }: Reader, blob: Descriptor, limit: number): Promise<Json> {
  const action = `Cannot inspect "${formatReference(reference)}"`
  const bytes = await readBlob(client, reference, blob, limit, { signal, action })
  const { value } = readJson(bytes, { code: 'MANIFEST_INVALID', what: `blob ${blob.digest}` })
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}
