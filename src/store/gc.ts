import type { Digest } from '../oci/digest.ts'
import type { Store } from './store.ts'

export interface SweptBlob {
  readonly digest: Digest
  readonly size: number
}

/**
 * Removes the blobs that neither `roots` nor a living process names. A blob that arrives while this runs is held by its lease
 * before it is visible, and the holds are read after the directory; the roots are asked for after that, so that a process that
 * has just recorded its work and ended is not overlooked.
 */
export async function sweepBlobs(
  store: Store,
  roots: () => Promise<ReadonlySet<Digest>>,
): Promise<readonly SweptBlob[]> {
  const present = store.content.digests()
  const held = new Set(store.db.all<{ key: string }>(`SELECT key FROM holds WHERE kind = 'blob'`).map((row) => row.key))
  const keep = await roots()
  const swept: SweptBlob[] = []
  for (const digest of present) {
    if (keep.has(digest) || held.has(digest)) continue
    const size = store.content.size(digest) ?? 0
    await store.content.remove(digest)
    swept.push({ digest, size })
  }
  return swept
}
