import type { LayerFacts, Tree } from '../host/native.ts'
import type { ChainId, DiffId } from '../oci/digest.ts'
import type { StorageDriver } from '../settings/settings.ts'

/** Short integer, also the name of the directory (mount option strings are limited in length). */
export type SnapshotId = number & { readonly __brand: 'SnapshotId' }

export interface Snapshot {
  readonly id: SnapshotId
  readonly parent: SnapshotId | null
  /** Names the whole stack up to here; equal stacks are one snapshot. */
  readonly chainId: ChainId
  readonly diffId: DiffId
  /** Bytes of the layer's uncompressed tar. */
  readonly size: number
  /** Bytes of the files in it, which is what people call the size of a layer. */
  readonly bytes: number
}

/**
 * Layers as stacked file trees. States: active (writable, belongs to one process) → committed (immutable, has a ChainID), or
 * container (writable, belongs to a container). An active snapshot whose process died is removed when the store is next opened.
 * Nothing outside the native core opens a path below a snapshot: what is handed out is a mount recipe.
 */
export interface Snapshotter extends AsyncDisposable {
  readonly driver: StorageDriver
  /** Makes a writable layer on `parent` (null: empty root). Disposed without commit or keep, it is removed, with the closing of the snapshotter at the latest. */
  prepare(parent: SnapshotId | null): Promise<ActiveSnapshot>
  /**
   * Makes a layer whose parent is named only at commit, to unpack the layers of an image side by side. Its tree is a plain
   * directory for `apply` in mode `alone`.
   */
  prepareDetached(): Promise<DetachedSnapshot>
  /** The committed snapshot of a stack; GC does not take it while this process lives. */
  byChain(chainId: ChainId): Snapshot | undefined
  /** As `byChain`, by id. */
  find(id: SnapshotId): Snapshot | undefined
  /** DiffIDs from the base to `id`: `rootfs.diff_ids` of an image made of it. */
  diffIds(id: SnapshotId): readonly DiffId[]
  /** From the base to `id`. */
  chain(id: SnapshotId): readonly Snapshot[]
  /** Read-only merged view of a committed snapshot; null is the empty tree. */
  view(id: SnapshotId | null): Tree
  /** Only the layer itself, without what lies below: what `pack` turns into a tar. */
  layer(id: SnapshotId): Tree
  /** Merged view of a container's writable snapshot. */
  containerTree(id: SnapshotId): Tree
  /** Removes a container's writable snapshot. Idempotent. */
  discard(id: SnapshotId): Promise<void>
  /** Removes committed snapshots that are no ancestors of `keep`, nor of a container's snapshot, nor held by a living process. */
  sweep(keep: ReadonlySet<SnapshotId>): Promise<readonly Snapshot[]>
  list(): readonly Snapshot[]
  /** The committed ones among these snapshots and all that they stand on; each after the one that it stands on. */
  standOn(ids: readonly SnapshotId[]): readonly Snapshot[]
  /** Bytes of the files of each of these layers that is here. */
  bytesOf(chains: readonly ChainId[]): ReadonlyMap<ChainId, number>
}

export interface ActiveSnapshot extends AsyncDisposable {
  readonly id: SnapshotId
  readonly parent: SnapshotId | null
  /** Merged view with this snapshot as upper. */
  readonly tree: Tree
  /** Bounds what may be written to it, before anything is. FEATURE_MISSING where the store's file system keeps no quotas of directories. */
  bound(bytes: number): Promise<void>
  /** Makes it immutable. Gives the existing snapshot when the stack is already known. */
  commit(layer: LayerFacts): Promise<Snapshot>
  /** Keeps it writable beyond this process, as the root of container `owner`. */
  keep(owner: string): void
}

export interface DetachedSnapshot extends AsyncDisposable {
  readonly tree: Tree
  /** Puts it on `parent` (null: base layer) and makes it immutable. Gives the existing snapshot when the stack is already known. */
  commit(parent: Snapshot | null, layer: LayerFacts): Promise<Snapshot>
}
