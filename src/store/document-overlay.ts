import { sha256 } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import type { ContentStore } from './content.ts'

/**
 * A content store whose `put` keeps documents in memory, in front of another that has everything else: for images that leave the
 * store without having been in it.
 */
export function documentOverlay(below: ContentStore): ContentStore {
  const documents = new Map<Digest, Uint8Array>()
  return {
    ...below,
    size: (digest) => documents.get(digest)?.byteLength ?? below.size(digest),
    async read(digest, limit) {
      return documents.get(digest) ?? below.read(digest, limit)
    },
    stream(digest, start) {
      const document = documents.get(digest)
      return document === undefined ? below.stream(digest, start) : once(document.subarray(start ?? 0))
    },
    async put(content) {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content
      const digest = sha256(bytes)
      documents.set(digest, bytes)
      return digest
    },
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
