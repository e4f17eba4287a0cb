import type { SnapshotId } from '../snapshot/snapshotter.ts'

/** Where something of the host or the store appears in a container; decided when the container is made, shown by inspect. */
export interface MountPoint {
  readonly kind: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Volume's name or image's reference; empty for binds and tmpfs. */
  readonly name: string
  /** Path on the host; empty for tmpfs. */
  readonly source: string
  readonly target: string
  readonly readonly: boolean
  readonly propagation: string
  /** Path inside the volume or image. */
  readonly subpath: string
  /** Top of an image's layers; null for all other kinds. */
  readonly snapshot: SnapshotId | null
  /** Of a tmpfs. */
  readonly options: readonly string[]
  readonly recursive: 'enabled' | 'disabled' | 'writable' | 'readonly'
  /** An anonymous volume that goes with `rm -v` and `--rm`. */
  readonly anonymous: boolean
}
