import { TsbuildError, hasCode } from '../base/errors.ts'
import { dockerPlatform } from '../image/edit/manifest-list.ts'
import type { ListedManifest } from '../image/manifest-lists.ts'
import { familyOf } from '../oci/media-types.ts'
import { familiarReference, formatReference, parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { RegistryClient } from '../registry/client.ts'
import { getManifest } from '../registry/fetch-manifest.ts'
import type { Engine } from './engine.ts'
import { fetchImage, localManifestList } from './manifest-list.ts'

/** What docker's `manifest inspect` shows: a list byte for byte, an image as a document, with `-v` both with what they name. */
export type InspectedManifest =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'document'; readonly value: unknown }

export interface ManifestInspectRequest {
  /** A list or an image; a local list before one of a registry. */
  readonly name: string
  /** Asks for this image of the local list `name`. */
  readonly image: string | undefined
  readonly verbose: boolean
}

/** Errors: MANIFEST_LIST_NOT_FOUND, REGISTRY_*. */
export async function manifestInspect(
  engine: Engine,
  client: RegistryClient,
  { name, image, verbose }: ManifestInspectRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<InspectedManifest> {
  const local = localManifestList(engine, name)
  if (image !== undefined) {
    const wanted = formatReference(withDefaultTag(parseReference(image)))
    const entry = local?.entries.find((one) => one.image === wanted)
    if (entry === undefined) throw noSuchManifest(image)
    return { kind: 'document', value: verbose ? verboseEntry(entry) : documentOf(entry.bytes) }
  }
  if (local !== undefined) {
    return verbose
      ? { kind: 'document', value: local.entries.map(verboseEntry) }
      : { kind: 'bytes', bytes: local.list.bytes }
  }
  const reference = withDefaultTag(parseReference(name))
  const { document, bytes } = await getManifest(client, reference, { signal }).catch((error: unknown) => {
    throw hasCode(error, 'REGISTRY_NOT_FOUND') ? noSuchManifest(name, error) : error
  })
  if (document.kind === 'manifest')
    return {
      kind: 'document',
      value: verbose ? verboseEntry(await fetchImage(client, reference, { signal })) : documentOf(bytes),
    }
  if (!verbose) return { kind: 'bytes', bytes }
  const entries: object[] = []
  for (const entry of document.index.manifests) {
    const below = await getManifest(client, withDigest(reference, entry.digest), { signal })
    // As docker: a tag with the digest of the entry.
    const full = `${familiarReference(reference).replace(/@.*$/, '')}@${entry.digest}`
    entries.push(
      verboseManifest(full, { ...below.descriptor, ...(entry.platform && { platform: entry.platform }) }, below.bytes),
    )
  }
  return { kind: 'document', value: entries }
}

function noSuchManifest(name: string, cause?: unknown): TsbuildError {
  const reference = familiarReference(withDefaultTag(parseReference(name)))
  return new TsbuildError('MANIFEST_LIST_NOT_FOUND', `No such manifest: ${reference}`, { cause })
}

function verboseEntry({ image, descriptor, bytes }: ListedManifest): object {
  return verboseManifest(familiarReference(parseReference(image)), descriptor, bytes)
}

function verboseManifest(ref: string, descriptor: Descriptor, bytes: Uint8Array): object {
  const { mediaType, digest, size, platform } = descriptor
  return {
    Ref: ref,
    Descriptor: { mediaType, digest, size, ...(platform === undefined ? {} : { platform: dockerPlatform(platform) }) },
    Raw: Buffer.from(bytes).toString('base64'),
    [familyOf(mediaType) === 'docker' ? 'SchemaV2Manifest' : 'OCIManifest']: documentOf(bytes),
  }
}

function documentOf(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}
