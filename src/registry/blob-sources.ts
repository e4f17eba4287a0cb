import { byteRange } from '../base/byte-range.ts'
import { sha256 } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { ContentStore } from '../store/content.ts'
import type { RegistryClient } from './client.ts'
import { streamBlob } from './fetch-blob.ts'
import type { BlobOptions } from './fetch-blob.ts'
import type { BlobSource } from './upload-blob.ts'

type Blob = Pick<Descriptor, 'digest' | 'size'>

/** A blob of the store. */
export function storedBlob(content: ContentStore, { digest, size }: Blob): BlobSource {
  const open: BlobSource['open'] = (start = 0, end = size) => byteRange(content.stream(digest, start), 0, end - start)
  return { digest, size, file: content.path(digest), open }
}

/** A blob of another repository, passed through without touching the disk; verified on its way when it is read whole. */
export function remoteBlob(
  client: RegistryClient,
  repository: Repository,
  blob: Descriptor,
  options: BlobOptions,
): BlobSource {
  const { digest, size } = blob
  const whole = (): AsyncIterable<Uint8Array> => streamBlob(client, repository, blob, options)
  return {
    digest,
    size,
    open: (start = 0, end = size) => (end - start === size ? whole() : byteRange(whole(), start, end)),
  }
}

/** Small content of our own making. */
export function bytesBlob(bytes: Uint8Array): BlobSource {
  return {
    digest: sha256(bytes),
    size: bytes.byteLength,
    async *open(start = 0, end = bytes.byteLength) {
      yield bytes.subarray(start, end)
    },
  }
}
