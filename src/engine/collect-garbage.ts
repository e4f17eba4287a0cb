import { containerRoots } from '../container/roots.ts'
import { factRecords } from '../image/fact-records.ts'
import { imageRoots } from '../image/image-roots.ts'
import type { ImageRoots } from '../image/image-roots.ts'
import { isDigest } from '../oci/digest.ts'
import type { Snapshot, SnapshotId } from '../snapshot/snapshotter.ts'
import { sweepBlobs } from '../store/gc.ts'
import type { SweptBlob } from '../store/gc.ts'
import { cachedBlobs } from './builder-cache.ts'
import type { Engine } from './engine.ts'

export interface Collected {
  readonly snapshots: readonly Snapshot[]
  readonly blobs: readonly SweptBlob[]
}

/**
 * Removes the layers and blobs that no image, container, cache record or living process names. Called after something was removed;
 * what it takes cannot be reached any more. STORE_CORRUPT, and nothing is removed, while it is not known what an image needs.
 */
export async function collectGarbage(engine: Engine): Promise<Collected> {
  const { store, snapshots } = engine
  factRecords(store.db).forgetIndexes()
  const blobs = await sweepBlobs(store, async () => {
    const needed = (await soundRoots(engine)).blobs()
    return new Set([...needed, ...containerRoots(store.db).images.filter(isDigest), ...cachedBlobs(engine)])
  })
  const needed = (await soundRoots(engine)).snapshots()
  const stacks = [...needed, ...containerRoots(store.db).snapshots, ...cachedSnapshots(engine)] as SnapshotId[]
  return { snapshots: await snapshots.sweep(new Set(stacks)), blobs }
}

async function soundRoots({ store }: Engine): Promise<ImageRoots> {
  const roots = await imageRoots(store)
  // It is for people to let go of that image.
  if (roots.damaged !== undefined) throw roots.damaged
  return roots
}

function cachedSnapshots({ store }: Engine): readonly number[] {
  return store.db
    .all<{ snapshot: number }>('SELECT DISTINCT snapshot FROM cache_records WHERE snapshot IS NOT NULL')
    .map((row) => row.snapshot)
}
