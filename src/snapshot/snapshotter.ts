import type { ChainId, DiffId } from '../oci/digest.ts'
import type { LayerFacts, Tree } from '../host/native.ts'

/** Short integer, also the name of the directory. */
export type SnapshotId = number & { readonly __brand: 'SnapshotId' }

export interface Snapshot {
  readonly id: SnapshotId
  readonly parent: SnapshotId | null
  /** Names the whole stack up to here; equal stacks are one snapshot. */
  readonly chainId: ChainId
  /** Every DiffID from the base to here: the `rootfs.diff_ids` of an image made of it. */
  readonly diffIds: readonly DiffId[]
  /** Bytes of the layer's uncompressed tar. */
  readonly size: number
}

/**
 * Layers as stacked file trees. States: active (writable, belongs to one process) → committed (immutable, has a ChainID).
 * An active snapshot whose process died is removed by the next command. Nothing outside the native core opens a path below it.
 */
export interface Snapshotter {
  /** Makes a writable layer on `parent` (null: empty root). Disposed without commit, it is removed. */
  prepare(parent: SnapshotId | null): Promise<ActiveSnapshot>
  /**
   * Makes a layer whose parent is named only at commit, to unpack the layers of an image side by side.
   * Its tree is a plain directory.
   */
  prepareDetached(): Promise<DetachedSnapshot>
  byChain(chainId: ChainId): Snapshot | undefined
  get(id: SnapshotId): Snapshot
  /** Read-only merged view of a committed snapshot; null is the empty tree. */
  view(id: SnapshotId | null): Tree
  /** Removes committed snapshots that nothing names any more; children must go first (CONFLICT otherwise is a defect). */
  remove(ids: readonly SnapshotId[]): Promise<void>
  list(): readonly Snapshot[]
}

export interface ActiveSnapshot extends AsyncDisposable {
  readonly id: SnapshotId
  readonly parent: SnapshotId | null
  /** Merged view with this snapshot as upper. */
  readonly tree: Tree
  /**
   * Makes it immutable. Gives the existing snapshot when the chain is already known, and the parent itself when
   * `layer.entries` is 0 and `keepEmpty` is not set (BuildKit exports an empty layer for a RUN that wrote nothing: set it there).
   */
  commit(layer: LayerFacts, options?: { readonly keepEmpty?: boolean }): Promise<Snapshot>
  /** Keeps it writable beyond this process, as a container's root: `owner` is the container's id. */
  keep(owner: string): Promise<void>
}

export interface DetachedSnapshot extends AsyncDisposable {
  readonly tree: Tree
  commit(parent: Snapshot | null, layer: LayerFacts): Promise<Snapshot>
}
