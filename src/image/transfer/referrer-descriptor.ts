import type { Digest } from '../../oci/digest.ts'
import { parseManifest } from '../../oci/manifest.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { RawManifest } from './endpoint.ts'

/**
 * How a manifest with a subject stands in the list of its subject's referrers: with its artifact type (the config's type where it has none)
 * and annotations (distribution-spec "Listing Referrers"). Undefined for one without a subject.
 */
export function referrerDescriptor(
  manifest: RawManifest,
): { readonly subject: Digest; readonly descriptor: Descriptor } | undefined {
  const { descriptor, bytes } = manifest
  const document = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`)
  const body = document.kind === 'index' ? document.index : document.manifest
  if (body.subject === undefined) return undefined
  const type = body.artifactType ?? (document.kind === 'manifest' ? document.manifest.config.mediaType : undefined)
  return {
    subject: body.subject.digest,
    descriptor: {
      mediaType: descriptor.mediaType,
      digest: descriptor.digest,
      size: bytes.byteLength,
      ...(type === undefined ? {} : { artifactType: type }),
      ...(body.annotations === undefined ? {} : { annotations: body.annotations }),
    },
  }
}
