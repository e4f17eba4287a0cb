import { sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { convertType, familyOf, mediaTypes } from '../../oci/media-types.ts'
import { parseReference, withDigest } from '../../oci/reference.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Descriptor, Platform } from '../../oci/types.ts'
import type { ListedManifest } from '../manifest-lists.ts'
import type { ContentSource, RawManifest } from '../transfer/endpoint.ts'
import { joinedSource } from './join-index.ts'

/** A manifest list as docker writes it, white space included: equal entries have an equal digest. Its family is that of its first image. */
export function encodeManifestList(entries: readonly ListedManifest[]): RawManifest {
  const family = familyOf(entries[0]?.descriptor.mediaType ?? mediaTypes.ociManifest)
  const mediaType = convertType(mediaTypes.ociIndex, family)
  const manifests = entries.map(({ descriptor }) => dockerDescriptor(descriptor))
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }, undefined, 3))
  return { bytes, descriptor: { mediaType, digest: sha256(bytes), size: bytes.byteLength } }
}

/** Members in docker's order. */
export function dockerDescriptor({ mediaType, size, digest, platform }: Descriptor): object {
  return { mediaType, size, digest, ...(platform === undefined ? {} : { platform: dockerPlatform(platform) }) }
}

export function dockerPlatform({ architecture, os, variant, ...rest }: Platform): Platform {
  return { architecture, os, ...rest, ...(variant === undefined ? {} : { variant }) }
}

/** The list as a place to copy from: manifests come from the list, what is below them from the images' repositories. */
export function manifestListSource(
  entries: readonly ListedManifest[],
  open: (image: Reference) => ContentSource,
): ContentSource {
  const homes = new Map<Digest, ContentSource>()
  for (const { image, descriptor, bytes } of entries) {
    const repository = open(withDigest(parseReference(image), descriptor.digest))
    homes.set(descriptor.digest, { ...repository, manifest: async () => ({ descriptor, bytes }) })
  }
  const sources = [...homes.values()]
  return joinedSource(encodeManifestList(entries), homes, sources, sources[0]!)
}
