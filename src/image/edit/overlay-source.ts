import type { Digest } from '../../oci/digest.ts'
import type { BlobSource } from '../../registry/upload-blob.ts'
import type { ContentSource, RawManifest } from '../transfer/endpoint.ts'

/** What an edit made: it can be copied anywhere, and everything that it did not touch comes from where it was. */
export interface EditedContent {
  readonly top: RawManifest
  readonly manifests: ReadonlyMap<Digest, RawManifest>
  readonly blobs: ReadonlyMap<Digest, BlobSource>
}

/** New documents and blobs over a place: what is not new is read there. */
export function overlaySource(base: ContentSource, edited: EditedContent): ContentSource {
  return {
    name: base.name,
    repository: base.repository,
    resolve: async () => edited.top,
    manifest: async (digest) =>
      edited.manifests.get(digest) ?? (edited.top.descriptor.digest === digest ? edited.top : base.manifest(digest)),
    blob: async (descriptor) => edited.blobs.get(descriptor.digest) ?? base.blob(descriptor),
    referrers: (digest) => base.referrers(digest),
  }
}
