import type { Digest } from '../../oci/digest.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { BlobSource } from '../../registry/upload-blob.ts'

/** A manifest or index as it is stored, byte for byte. */
export interface RawManifest {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/** One place that content can be read from: a repository, a layout, an archive, the store. Content is verified by who reads it. */
export interface ContentSource {
  /** As people know it. */
  readonly name: string
  /** What the location names. Errors: REGISTRY_NOT_FOUND, IMAGE_NOT_FOUND, ARCHIVE_INVALID. */
  resolve(): Promise<RawManifest>
  /** A manifest of the same place by digest. */
  manifest(digest: Digest): Promise<RawManifest>
  blob(descriptor: Descriptor): Promise<BlobSource>
  /** Manifests whose subject is `digest`; none where the place knows no such thing. */
  referrers(digest: Digest): Promise<readonly Descriptor[]>
  /** Repository of a registry that holds the blobs, for mounts: `host/path`. */
  readonly repository: string | undefined
}

/** One place that content can be written to. A manifest is put after everything that it names. */
export interface ContentSink {
  readonly name: string
  /** Told whether the bytes had to travel. */
  putBlob(blob: BlobSource, descriptor: Descriptor, from: ContentSource): Promise<'exists' | 'mounted' | 'copied'>
  /** Whether putBlob would have nothing to send. */
  hasBlob(descriptor: Descriptor): Promise<boolean>
  /** Under the location's own name when `top`, else by digest alone. */
  putManifest(manifest: RawManifest, top: boolean): Promise<void>
  /** Looks whether a manifest is here already, with everything below it. */
  hasManifest(digest: Digest): Promise<boolean>
  /** Everything was put. */
  finish(): Promise<void>
}
