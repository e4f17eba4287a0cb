import type { Digest } from '../../oci/digest.ts'
import type { Descriptor } from '../../oci/types.ts'

export interface ServedManifest {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Uint8Array
}

export interface ServedBlob {
  readonly size: number
  /** From `start` to `end` (exclusive). */
  open(start: number, end: number): AsyncIterable<Uint8Array>
}

/** Content on its way in. Disposing it without a commit throws it away. */
export interface Upload extends AsyncDisposable {
  readonly size: number
  write(chunk: Uint8Array): Promise<void>
  /** DIGEST_MISMATCH when the content is not what the client says it is. */
  commit(digest: Digest): Promise<void>
}

/** What a registry server serves. `repository` is a path of the distribution API, already checked against its grammar. */
export interface RegistryStorage {
  repositories(): Promise<readonly string[]>
  /** Undefined for a repository that does not exist. */
  tags(repository: string): Promise<readonly string[] | undefined>
  manifest(repository: string, reference: string | Digest): Promise<ServedManifest | undefined>
  /** Blobs and manifests that a pushed manifest names and that are not here. */
  missing(repository: string, descriptors: readonly Descriptor[]): Promise<readonly Descriptor[]>
  /** Without tags it is known by its digest alone. */
  putManifest(repository: string, tags: readonly string[], manifest: ServedManifest): Promise<void>
  /** By digest with its tags, or a tag alone. False when there is none. Fault: UNSUPPORTED for one that an index needs. */
  deleteManifest(repository: string, reference: string | Digest): Promise<boolean>
  blob(repository: string, digest: Digest): Promise<ServedBlob | undefined>
  /** False when it may not be deleted alone. */
  deleteBlob(repository: string, digest: Digest): Promise<boolean>
  begin(): Promise<Upload>
  /** Manifests whose subject is `digest`. */
  referrers(repository: string, digest: Digest): Promise<readonly Descriptor[]>
}
