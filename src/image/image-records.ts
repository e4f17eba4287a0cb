import { parseDigest } from '../oci/digest.ts'
import type { DiffId, Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/types.ts'
import type { Database } from '../store/db/database.ts'
import { above } from './index-tables.ts'

/** One platform's image in the store. Untagged ones stay until they are removed or pruned. */
export interface ImageRecord {
  /** Digest of the platform's manifest. */
  readonly manifest: Digest
  /** Digest of the config: the image ID. */
  readonly id: Digest
  readonly createdAt: number
}

/** A name and what it points to: a manifest or an index. */
export interface RefRecord {
  /** Full reference with tag, or with digest: `docker.io/library/busybox:latest`. */
  readonly name: string
  readonly target: Descriptor
  readonly updatedAt: number
}

/** A compressed (or not) form of a layer's content. */
export interface LayerBlob {
  readonly diffId: DiffId
  readonly descriptor: Descriptor
}

/** Tables `images`, `refs`, `layer_blobs`, `blob_sources`. */
export interface ImageRecords {
  ref(name: string): RefRecord | undefined
  refs(): readonly RefRecord[]
  refsTo(target: Digest): readonly RefRecord[]
  /** All tags and digests of a repository (`host/path`). */
  refsIn(repository: string): readonly RefRecord[]
  /** Those that lead to one of these manifests, by whatever indexes; as far as indexes were read. */
  refsOver(manifests: readonly Digest[]): readonly RefRecord[]
  setRef(name: string, target: Descriptor): void
  removeRef(name: string): void
  image(manifest: Digest): ImageRecord | undefined
  images(): readonly ImageRecord[]
  /** Images whose ID starts with `prefix` (`sha256:` and hexadecimal digits). */
  byIdPrefix(prefix: string): readonly ImageRecord[]
  addImage(manifest: Digest, id: Digest): void
  removeImage(manifest: Digest): void
  /** Known forms of a layer, newest first; whether a blob is still in the store is for the caller to see. */
  layerBlobs(diffId: DiffId): readonly LayerBlob[]
  addLayerBlob(blob: LayerBlob): void
  /** Repositories (`host/path`) in which a blob was seen, newest first: where it can be mounted from. */
  sources(digest: Digest): readonly string[]
  addSource(digest: Digest, repository: string): void
}

interface RefRow {
  readonly name: string
  readonly target: string
  readonly media_type: string
  readonly size: number
  readonly updated_at: number
}

interface ImageRow {
  readonly manifest: string
  readonly id: string
  readonly created_at: number
}

interface LayerBlobRow {
  readonly digest: string
  readonly size: number
  readonly media_type: string
  readonly annotations: string | null
}

export function imageRecords(db: Database): ImageRecords {
  return {
    ref(name) {
      const row = db.get<RefRow>('SELECT * FROM refs WHERE name = ?', name)
      return row === undefined ? undefined : toRef(row)
    },
    refs: () => db.all<RefRow>('SELECT * FROM refs ORDER BY name').map(toRef),
    refsTo: (target) => db.all<RefRow>('SELECT * FROM refs WHERE target = ? ORDER BY name', target).map(toRef),
    refsIn: (repository) =>
      db
        .all<RefRow>(
          // The ends of the ranges: ";" follows ":", and "A" follows "@".
          'SELECT * FROM refs WHERE (name >= ? AND name < ?) OR (name >= ? AND name < ?) ORDER BY name',
          `${repository}:`,
          `${repository};`,
          `${repository}@`,
          `${repository}A`,
        )
        .map(toRef),
    refsOver: (manifests) =>
      db
        .all<RefRow>(
          `WITH RECURSIVE ${above('SELECT value FROM json_each(?)')}
           SELECT * FROM refs WHERE target IN above ORDER BY name`,
          JSON.stringify(manifests),
        )
        .map(toRef),
    setRef(name, { digest, mediaType, size }) {
      db.run(
        'INSERT OR REPLACE INTO refs (name, target, media_type, size, updated_at) VALUES (?, ?, ?, ?, ?)',
        name,
        digest,
        mediaType,
        size,
        Date.now(),
      )
    },
    removeRef: (name) => void db.run('DELETE FROM refs WHERE name = ?', name),
    image(manifest) {
      const row = db.get<ImageRow>('SELECT * FROM images WHERE manifest = ?', manifest)
      return row === undefined ? undefined : toImage(row)
    },
    images: () => db.all<ImageRow>('SELECT * FROM images ORDER BY created_at DESC, manifest').map(toImage),
    byIdPrefix: (prefix) =>
      // The upper end of the range: every continuation by hexadecimal digits sorts below "g".
      db
        .all<ImageRow>('SELECT * FROM images WHERE id >= ? AND id < ? ORDER BY created_at DESC', prefix, `${prefix}g`)
        .map(toImage),
    addImage: (manifest, id) =>
      void db.run('INSERT OR IGNORE INTO images (manifest, id, created_at) VALUES (?, ?, ?)', manifest, id, Date.now()),
    removeImage: (manifest) => void db.run('DELETE FROM images WHERE manifest = ?', manifest),
    layerBlobs: (diffId) =>
      db
        .all<LayerBlobRow>(
          'SELECT digest, size, media_type, annotations FROM layer_blobs WHERE diff_id = ? ORDER BY added_at DESC',
          diffId,
        )
        .map((row) => ({ diffId, descriptor: toDescriptor(row) })),
    addLayerBlob({ diffId, descriptor }) {
      db.run(
        'INSERT OR REPLACE INTO layer_blobs (diff_id, digest, size, media_type, annotations, added_at) VALUES (?, ?, ?, ?, ?, ?)',
        diffId,
        descriptor.digest,
        descriptor.size,
        descriptor.mediaType,
        descriptor.annotations === undefined ? null : JSON.stringify(descriptor.annotations),
        Date.now(),
      )
    },
    sources: (digest) =>
      db
        .all<{ repository: string }>(
          'SELECT repository FROM blob_sources WHERE digest = ? ORDER BY seen_at DESC',
          digest,
        )
        .map((row) => row.repository),
    addSource: (digest, repository) =>
      void db.run(
        'INSERT OR REPLACE INTO blob_sources (digest, repository, seen_at) VALUES (?, ?, ?)',
        digest,
        repository,
        Date.now(),
      ),
  }
}

function toRef(row: RefRow): RefRecord {
  return {
    name: row.name,
    target: { mediaType: row.media_type, digest: parseDigest(row.target), size: row.size },
    updatedAt: row.updated_at,
  }
}

function toImage(row: ImageRow): ImageRecord {
  return { manifest: parseDigest(row.manifest), id: parseDigest(row.id), createdAt: row.created_at }
}

function toDescriptor(row: LayerBlobRow): Descriptor {
  return {
    mediaType: row.media_type,
    digest: parseDigest(row.digest),
    size: row.size,
    ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) as Record<string, string> }),
  }
}
