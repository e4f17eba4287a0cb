import { containerRoots } from '../container/roots.ts'
import { imageRoots } from '../image/image-roots.ts'
import { isDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import type { Snapshot, SnapshotId } from '../snapshot/snapshotter.ts'
import { sweepBlobs } from '../store/gc.ts'
import type { SweptBlob } from '../store/gc.ts'
import type { Engine } from './engine.ts'

export interface Collected {
  readonly snapshots: readonly Snapshot[]
  readonly blobs: readonly SweptBlob[]
}

/**
 * Removes the layers and blobs that no image, container, cache record or living process names. Called after something was removed;
 * what it takes cannot be reached any more. Roots are read after the holds of living processes and, for layers, inside the
 * transaction that condemns the others: what another process finishes meanwhile is kept.
 */
export async function collectGarbage(engine: Engine): Promise<Collected> {
  const { store, snapshots, imageRecords } = engine
  const images = (): ReturnType<typeof imageRoots> => imageRoots(imageRecords, store.content, snapshots)
  const sweeping = store.db.transaction(() => {
    const keep = [...images().snapshots, ...containerRoots(store.db).snapshots, ...cachedSnapshots(engine)]
    return snapshots.sweep(new Set(keep))
  })
  const swept = await sweeping
  const keepBlobs = (): ReadonlySet<Digest> =>
    new Set([...images().blobs, ...containerRoots(store.db).images.filter(isDigest)])
  return { snapshots: swept, blobs: await sweepBlobs(store, keepBlobs) }
}

function cachedSnapshots({ store }: Engine): readonly SnapshotId[] {
  return store.db
    .all<{ snapshot: SnapshotId }>('SELECT DISTINCT snapshot FROM cache_records WHERE snapshot IS NOT NULL')
    .map((row) => row.snapshot)
}
