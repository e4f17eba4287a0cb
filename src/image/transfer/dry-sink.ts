import type { Digest } from '../../oci/digest.ts'
import type { ContentSink } from './endpoint.ts'

/** What a copy would do. */
export interface PlannedWrite {
  readonly kind: 'manifest' | 'blob'
  readonly digest: Digest
  readonly size: number
}

/** A sink that looks at another one and writes nothing: what would be written is collected. Mounts count as writes, they cannot be tried. */
export function drySink(sink: ContentSink): ContentSink & { readonly planned: readonly PlannedWrite[] } {
  const planned: PlannedWrite[] = []
  return {
    name: sink.name,
    planned,
    async putBlob(blob, descriptor) {
      if (await sink.hasBlob(descriptor)) return 'exists'
      planned.push({ kind: 'blob', digest: blob.digest, size: blob.size })
      return 'copied'
    },
    hasBlob: (descriptor) => sink.hasBlob(descriptor),
    async putManifest({ descriptor }) {
      planned.push({ kind: 'manifest', digest: descriptor.digest, size: descriptor.size })
    },
    hasManifest: (digest) => sink.hasManifest(digest),
    async finish() {
      // Nothing was begun.
    },
  }
}
