import type { TsbuildError } from '../base/errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { SnapshotId } from '../snapshot/snapshotter.ts'
import type { Store } from '../store/store.ts'
import { imageFacts } from './image-facts.ts'

/** What garbage collection must keep for images. */
export interface ImageRoots {
  /** Their documents, and blobs of their layers. */
  blobs(): readonly Digest[]
  /** The stacks that are unpacked of them, by their tops. */
  snapshots(): readonly SnapshotId[]
  /** Why it is not known what some image needs: a document was changed on the disk. */
  readonly damaged: TsbuildError | undefined
}

export async function imageRoots(store: Pick<Store, 'db' | 'content'>): Promise<ImageRoots> {
  const { damaged } = await imageFacts(store)
  return {
    damaged,
    blobs: () =>
      store.db
        .all<{ digest: Digest }>(
          `SELECT target AS digest FROM refs UNION SELECT digest FROM index_members
           UNION SELECT manifest FROM images UNION SELECT id FROM images
           UNION SELECT blob FROM image_layers WHERE blob IS NOT NULL
           ${packedForms}`,
        )
        .map(({ digest }) => digest),
    snapshots: () =>
      store.db
        .all<{ id: SnapshotId }>(
          `SELECT DISTINCT id FROM (
             SELECT snapshots.id AS id, max(image_layers.at) FROM image_layers
             JOIN snapshots ON snapshots.chain_id = image_layers.chain_id AND snapshots.state = 'committed'
             GROUP BY image_layers.image)`,
        )
        .map(({ id }) => id),
  }
}

/** Forms of our own layers that were packed for a push or a save: packing them again would be the dearer way to save room. */
const packedForms =
  'UNION SELECT layer_blobs.digest FROM layer_blobs WHERE diff_id IN (SELECT diff_id FROM image_layers)'
