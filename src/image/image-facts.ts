import { hasCode } from '../base/errors.ts'
import type { TsbuildError } from '../base/errors.ts'
import { chainId } from '../oci/digest.ts'
import type { ChainId, Digest } from '../oci/digest.ts'
import { parseImageConfig } from '../oci/image-config.ts'
import { parseManifest } from '../oci/manifest.ts'
import { isIndexType, mediaTypes } from '../oci/media-types.ts'
import type { ImageConfig, Manifest } from '../oci/types.ts'
import type { ContentStore } from '../store/content.ts'
import type { Store } from '../store/store.ts'
import { factRecords } from './fact-records.ts'
import type { FactRecords, ImageFacts, IndexEntry, LayerFacts } from './fact-records.ts'
import type { ImageRecord } from './image-records.ts'

export interface KnownFacts extends FactRecords {
  /** Why nothing is known of an image or index whose document is here: it was changed on the disk. */
  readonly damaged: TsbuildError | undefined
}

/**
 * What the documents of all images say. Reads those that were not read yet, a few at a time. An image of which documents are missing or
 * were changed on the disk is without facts and tried again the next time; what is sound and cannot be understood is known as that.
 */
export async function imageFacts({ db, content }: Pick<Store, 'db' | 'content'>): Promise<KnownFacts> {
  const records = factRecords(db)
  const images = await learn(records.unreadImages, ({ manifest }) => manifest, {
    read: (image) => readImageFacts(content, image),
    save: ({ manifest }, facts) => records.saveImage(manifest, facts),
    together: db.transaction,
  })
  const indexes = await learn(records.unreadIndexes, (digest) => digest, {
    read: (digest) => readIndexFacts(content, digest),
    save: records.saveIndex,
    together: db.transaction,
  })
  return { ...records, damaged: images ?? indexes }
}

interface Learning<Item, Facts> {
  readonly read: (item: Item) => Promise<Facts | undefined>
  readonly save: (item: Item, facts: Facts) => void
  readonly together: (body: () => void) => void
}

/** Goes on until nothing new is found: what was read may name more, and others may add some. Gives the first damage. */
async function learn<Item, Facts>(
  unread: (after: string) => readonly Item[],
  keyOf: (item: Item) => string,
  { read, save, together }: Learning<Item, Facts>,
): Promise<TsbuildError | undefined> {
  for (;;) {
    let learned = 0
    let damaged: TsbuildError | undefined
    for (let some = unread(''); some.length > 0; some = unread(keyOf(some.at(-1)!))) {
      const known: (() => void)[] = []
      for (const item of some) {
        try {
          const facts = await read(item)
          if (facts !== undefined) known.push(() => save(item, facts))
        } catch (error) {
          if (!hasCode(error, 'STORE_CORRUPT')) throw error
          damaged ??= error
        }
      }
      if (known.length > 0) together(() => known.forEach((write) => write()))
      learned += known.length
    }
    if (learned === 0) return damaged
  }
}

async function readImageFacts(
  content: ContentStore,
  { manifest: digest, id }: Pick<ImageRecord, 'manifest' | 'id'>,
): Promise<ImageFacts | undefined> {
  if (content.size(digest) === undefined || content.size(id) === undefined) return undefined
  const manifest = await understood(async () => {
    const document = parseManifest(await content.read(digest), undefined, `manifest ${digest}`)
    return document.kind === 'manifest' ? document.manifest : undefined
  })
  const config = await understood(async () => parseImageConfig(await content.read(id), `image ${id}`))
  return {
    ...(manifest === undefined || config === undefined ? {} : { platform: config }),
    ...createdAt(config),
    labels: config?.config?.Labels ?? {},
    layers: layersOf(manifest, config),
  }
}

async function readIndexFacts(content: ContentStore, digest: Digest): Promise<readonly IndexEntry[] | undefined> {
  if (content.size(digest) === undefined) return undefined
  const index = await understood(async () => {
    const document = parseManifest(await content.read(digest), mediaTypes.ociIndex, `index ${digest}`)
    return document.kind === 'index' ? document.index : undefined
  })
  return (index?.manifests ?? []).map(({ digest: entry, mediaType, platform }) => ({
    digest: entry,
    nested: isIndexType(mediaType),
    ...(platform === undefined ? {} : { platform }),
  }))
}

/** Undefined for a document that is what its digest says and no document all the same: that will never change. */
async function understood<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (hasCode(error, 'MANIFEST_INVALID', 'MANIFEST_UNSUPPORTED', 'CONFIG_INVALID', 'SIZE_MISMATCH')) return undefined
    throw error
  }
}

function createdAt(config: ImageConfig | undefined): Pick<ImageFacts, 'created'> {
  const created = Date.parse(config?.created ?? '')
  return Number.isNaN(created) ? {} : { created }
}

function layersOf(manifest: Manifest | undefined, config: ImageConfig | undefined): readonly LayerFacts[] {
  const blobs = manifest?.layers ?? []
  const diffIds = config?.rootfs.diff_ids ?? []
  let chain: ChainId | null = null
  return Array.from({ length: Math.max(blobs.length, diffIds.length) }, (_, at): LayerFacts => {
    const [blob, diffId] = [blobs[at], diffIds[at]]
    if (diffId !== undefined) chain = chainId(chain, diffId)
    return {
      ...(diffId === undefined ? {} : { content: { diffId, chainId: chain! } }),
      ...(blob === undefined ? {} : { blob: blob.digest }),
      size: blob?.size ?? 0,
    }
  })
}
