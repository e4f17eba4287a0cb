import type { SnapshotId } from '../snapshot/snapshotter.ts'
import type { Database } from '../store/db/database.ts'
import { containerRecords } from './container-records.ts'

/** What garbage collection must keep for containers: their own layers, those of images they mount; and the images themselves. */
export function containerRoots(db: Database): {
  readonly snapshots: readonly SnapshotId[]
  /** Image IDs (config digests). */
  readonly images: readonly string[]
} {
  const containers = containerRecords(db).list()
  return {
    snapshots: containers.flatMap(({ snapshot, mounts }) =>
      [snapshot, ...mounts.map((mount) => mount.snapshot)].filter((id) => id !== null),
    ),
    images: containers.map(({ spec }) => spec.image.id),
  }
}
