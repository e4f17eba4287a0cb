import type { Descriptor } from '../oci/types.ts'
import type { Digest } from '../oci/digest.ts'

/**
 * Immutable bytes by digest. A blob is visible only when it is complete, verified and on disk.
 * All methods reject with BLOB_MISSING where a digest is asked for that is not here.
 */
export interface ContentStore {
  /** Size in bytes, or undefined when the blob is not here. */
  size(digest: Digest): number | undefined
  /** Absolute path of the blob's file, for the native core. */
  path(digest: Digest): string
  /** Whole content; refuses blobs over `limit` bytes (default 8 MiB) with SIZE_MISMATCH. */
  read(digest: Digest, limit?: number): Promise<Uint8Array>
  stream(digest: Digest, start?: number): AsyncIterable<Uint8Array>
  /** Stores small content and gives its sha256 digest. Idempotent; a file that was changed on the disk is written again. */
  put(content: string | Uint8Array): Promise<Digest>
  /**
   * Opens the writer for a blob. Only one writer of a digest exists across all processes: a second caller waits, and gets
   * `undefined` when the blob has arrived meanwhile. A partial blob of an earlier writer is kept: `offset` tells how much.
   */
  ingest(
    want: Pick<Descriptor, 'digest' | 'size'>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Ingest | undefined>
  /** A path for a file of the native core's making, which becomes a blob by `adopt`. */
  scratch(): Promise<Scratch>
  digests(): readonly Digest[]
  /** Removes a blob that no record names. For GC alone. */
  remove(digest: Digest): Promise<void>
}

/** Writer of one blob. Disposing without commit keeps what was written, so that a later writer resumes. */
export interface Ingest extends AsyncDisposable {
  /** Bytes that are already here, verified as far as a running hash can be. */
  readonly offset: number
  /** Rejects with SIZE_MISMATCH as soon as one byte too many arrives. Once it resolves, the chunk is needed no more. */
  write(chunk: Uint8Array): Promise<void>
  /** Throws away what is here; `offset` is 0 after it. Used when a server ignores Range or the content proved wrong. */
  restart(): Promise<void>
  /** Flushes, verifies size and digest, makes the blob visible. Rejects with DIGEST_MISMATCH or SIZE_MISMATCH and discards the bytes. */
  commit(): Promise<void>
}

export interface Scratch extends AsyncDisposable {
  readonly path: string
  /** Makes the file visible under the digest that the core computed while writing it; checks the size. Idempotent. */
  adopt(digest: Digest, size: number): Promise<void>
}
