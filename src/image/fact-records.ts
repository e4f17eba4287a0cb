import type { ChainId, Digest, DiffId } from '../oci/digest.ts'
import type { Platform } from '../oci/types.ts'
import type { Database } from '../store/db/database.ts'
import type { ImageRecord } from './image-records.ts'
import { above, below } from './index-tables.ts'

/** What the documents of one image say. */
export interface ImageFacts {
  /** Milliseconds since the epoch; undefined when the config does not tell. */
  readonly created?: number
  /** Undefined when the documents cannot be understood. */
  readonly platform?: Platform
  readonly labels: Readonly<Record<string, string>>
  /** Base first. */
  readonly layers: readonly LayerFacts[]
}

/** A place in the stack, which manifest and config may tell of differently: either may have no more layers. */
export interface LayerFacts {
  readonly content?: { readonly diffId: DiffId; readonly chainId: ChainId }
  readonly blob?: Digest
  /** Bytes of the blob. */
  readonly size: number
}

/** An image of the store with what lists show of it. */
export interface ImageSummary extends ImageRecord, Pick<ImageFacts, 'created' | 'platform'> {
  /** Bytes of the files of all layers; of one that is not unpacked, of its blob. */
  readonly size: number
}

/** Bytes of the files of unpacked layers. */
export interface Sharing {
  /** Of all images together, each layer once. */
  readonly total: number
  /** By manifest: of the layers that other images have too. An image without any is not in it. */
  readonly shared: ReadonlyMap<Digest, number>
}

export interface IndexEntry {
  readonly digest: Digest
  /** It is an index itself. */
  readonly nested: boolean
  readonly platform?: Platform
}

/** Tables `image_facts`, `image_layers`, `index_facts`, `index_members`. */
export interface FactRecords {
  /** Images that nothing is known of, by their digests; only those after the given one. */
  unreadImages(after: string): readonly Pick<ImageRecord, 'manifest' | 'id'>[]
  /** Indexes that names lead to and nothing is known of, likewise. */
  unreadIndexes(after: string): readonly Digest[]
  /** Nothing happens when the image was removed meanwhile. */
  saveImage(manifest: Digest, facts: ImageFacts): void
  saveIndex(digest: Digest, entries: readonly IndexEntry[]): void
  /** Forgets indexes that no name leads to. */
  forgetIndexes(): void
  /** Newest first. */
  summaries(): readonly ImageSummary[]
  /** An image and those that are in an index with it. */
  family(id: Digest): readonly ImageSummary[]
  /** The images of these manifests, and all that are below these indexes; newest first. */
  below(targets: readonly Digest[]): readonly ImageSummary[]
  labels(manifest: Digest): Readonly<Record<string, string>>
  /** Of its layers, base first. */
  blobs(manifest: Digest): readonly Digest[]
  /** What images have in common. */
  sharing(): Sharing
  /** In their order; empty for what is no index, or is not known. */
  entries(index: Digest): readonly IndexEntry[]
}

interface SummaryRow {
  readonly manifest: Digest
  readonly id: Digest
  readonly created_at: number
  readonly created: number | null
  readonly os: string | null
  readonly architecture: string | null
  readonly variant: string | null
  readonly size: number
}

/** Rows that are read before what they say is written down. */
const batch = 100

const summary = `
  SELECT images.manifest, images.id, images.created_at, created, os, architecture, variant,
    (SELECT coalesce(sum(coalesce(snapshots.bytes, image_layers.size)), 0) FROM image_layers
       LEFT JOIN snapshots ON snapshots.chain_id = image_layers.chain_id AND snapshots.state = 'committed'
       WHERE image_layers.image = image_facts.id AND image_layers.chain_id IS NOT NULL) AS size
  FROM images LEFT JOIN image_facts ON image_facts.manifest = images.manifest`
const newestFirst = 'ORDER BY images.created_at DESC, images.manifest'

/** Images once by their ID, as lists have them, and the unpacked layers that they stand on. */
const sharing = `
  WITH listed AS MATERIALIZED (
    SELECT id, manifest FROM (
      SELECT image_facts.id, images.manifest,
        row_number() OVER (PARTITION BY images.id ORDER BY images.created_at DESC, images.manifest) AS place
      FROM images JOIN image_facts ON image_facts.manifest = images.manifest)
    WHERE place = 1),
  used AS MATERIALIZED (
    SELECT snapshots.chain_id AS chain_id, snapshots.bytes AS bytes, count(*) AS users FROM listed
      CROSS JOIN image_layers ON image_layers.image = listed.id
      CROSS JOIN snapshots ON snapshots.chain_id = image_layers.chain_id AND snapshots.state = 'committed'
      GROUP BY snapshots.id)
  SELECT listed.manifest AS manifest, sum(iif(users > 1, used.bytes, 0)) AS bytes,
    (SELECT sum(bytes) FROM used) AS total
  FROM listed CROSS JOIN image_layers ON image_layers.image = listed.id
    JOIN used ON used.chain_id = image_layers.chain_id GROUP BY listed.id`

export function factRecords(db: Database): FactRecords {
  return {
    unreadImages: (after) =>
      db.all<Pick<ImageRecord, 'manifest' | 'id'>>(
        `SELECT manifest, id FROM images WHERE manifest > ? AND NOT EXISTS
           (SELECT 1 FROM image_facts WHERE image_facts.manifest = images.manifest)
         ORDER BY manifest LIMIT ${batch}`,
        after,
      ),
    unreadIndexes: (after) =>
      db
        .all<{ digest: Digest }>(
          `SELECT digest FROM (
             SELECT target AS digest FROM refs WHERE media_type IN
               ('application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json')
             UNION SELECT digest FROM index_members WHERE nested = 1)
           WHERE digest > ? AND digest NOT IN (SELECT digest FROM index_facts) ORDER BY digest LIMIT ${batch}`,
          after,
        )
        .map(({ digest }) => digest),
    saveImage(manifest, { created, platform, labels, layers }) {
      const { changes, id } = db.run(
        `INSERT OR IGNORE INTO image_facts (manifest, created, os, architecture, variant, labels)
           SELECT manifest, ?, ?, ?, ?, ? FROM images WHERE manifest = ?`,
        created ?? null,
        platform?.os ?? null,
        platform?.architecture ?? null,
        platform?.variant ?? null,
        Object.keys(labels).length === 0 ? null : JSON.stringify(labels),
        manifest,
      )
      if (changes === 0) return
      for (const [at, { content, blob, size }] of layers.entries()) {
        db.run(
          'INSERT INTO image_layers (image, at, diff_id, chain_id, blob, size) VALUES (?, ?, ?, ?, ?, ?)',
          id,
          at,
          content?.diffId ?? null,
          content?.chainId ?? null,
          blob ?? null,
          size,
        )
      }
    },
    saveIndex(digest, entries) {
      const { changes, id } = db.run(
        'INSERT OR IGNORE INTO index_facts (digest, entries) VALUES (?, ?)',
        digest,
        JSON.stringify(entries),
      )
      if (changes === 0) return
      for (const entry of entries) {
        const sql = 'INSERT OR IGNORE INTO index_members (digest, parent, nested) VALUES (?, ?, ?)'
        db.run(sql, entry.digest, id, entry.nested ? 1 : 0)
      }
    },
    forgetIndexes() {
      const sql = `DELETE FROM index_facts WHERE NOT EXISTS (SELECT 1 FROM refs WHERE target = index_facts.digest)
        AND NOT EXISTS (SELECT 1 FROM index_members WHERE index_members.digest = index_facts.digest)`
      // Those that only a forgotten one named follow it.
      while (db.run(sql).changes > 0);
    },
    summaries: () => db.all<SummaryRow>(`${summary} ${newestFirst}`).map(toSummary),
    family: (id) =>
      db
        .all<SummaryRow>(
          `WITH RECURSIVE ${above('SELECT manifest FROM images WHERE id = ?')},
             ${below('SELECT digest FROM above')} ${summary} WHERE images.manifest IN below ${newestFirst}`,
          id,
        )
        .map(toSummary),
    below: (targets) =>
      db
        .all<SummaryRow>(
          `WITH RECURSIVE ${below('SELECT value FROM json_each(?)')} ${summary} WHERE images.manifest IN below ${newestFirst}`,
          JSON.stringify(targets),
        )
        .map(toSummary),
    labels(manifest) {
      const row = db.get<{ labels: string | null }>('SELECT labels FROM image_facts WHERE manifest = ?', manifest)
      return row?.labels ? (JSON.parse(row.labels) as Record<string, string>) : {}
    },
    blobs: (manifest) =>
      db
        .all<{ blob: Digest }>(
          `SELECT blob FROM image_layers JOIN image_facts ON image_facts.id = image
           WHERE manifest = ? AND blob IS NOT NULL ORDER BY at`,
          manifest,
        )
        .map(({ blob }) => blob),
    sharing() {
      const rows = db.all<{ manifest: Digest; bytes: number; total: number }>(sharing)
      return {
        total: rows[0]?.total ?? 0,
        shared: new Map(rows.map(({ manifest, bytes }) => [manifest, bytes])),
      }
    },
    entries(index) {
      const row = db.get<{ entries: string }>('SELECT entries FROM index_facts WHERE digest = ?', index)
      return row === undefined ? [] : (JSON.parse(row.entries) as readonly IndexEntry[])
    },
  }
}

function toSummary(row: SummaryRow): ImageSummary {
  const { manifest, id, created_at: createdAt, created, size } = row
  return { manifest, id, createdAt, ...(created === null ? {} : { created }), ...platformOf(row), size }
}

function platformOf({
  os,
  architecture,
  variant,
}: Pick<SummaryRow, 'os' | 'architecture' | 'variant'>): Pick<ImageFacts, 'platform'> {
  if (os === null || architecture === null) return {}
  return { platform: { os, architecture, ...(variant === null ? {} : { variant }) } }
}
