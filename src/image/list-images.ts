import { chainId } from '../oci/digest.ts'
import type { ChainId, Digest } from '../oci/digest.ts'
import { samePlatform } from '../oci/platform.ts'
import { parseReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Platform } from '../oci/types.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import type { ContentStore } from '../store/content.ts'
import { readImage, readManifestImage } from './image-documents.ts'
import type { ImageRecords, RefRecord } from './image-records.ts'
import { documentsBelow } from './image-roots.ts'
import type { LocalImage } from './image-service.ts'

/** An image of the store with all its names. */
export interface ListedImage {
  readonly image: LocalImage
  /** Names with tags. */
  readonly tags: readonly Reference[]
  /** Names by digest, as pulled or pushed. */
  readonly digests: readonly Reference[]
  /** Milliseconds since the epoch: of the config, else of its arrival. */
  readonly createdAt: number
  /** Bytes of the files of all layers, shared ones included. */
  readonly size: number
  /** IDs of the images of other platforms that are here because its index has a name, and for no other reason. */
  readonly companions: readonly Digest[]
  /** It is such a companion: people see it as part of the named one. */
  readonly companion: boolean
}

interface Found {
  readonly image: LocalImage
  readonly arrived: number
  readonly refs: RefRecord[]
  readonly companions: Set<Digest>
}

/**
 * All images, newest first, each once: a name that points to an index counts for its image of `platform`, or for the only one
 * that is here.
 */
export async function listImages(
  records: ImageRecords,
  content: ContentStore,
  snapshots: Pick<Snapshotter, 'list'>,
  platform: Platform,
): Promise<readonly ListedImage[]> {
  const sizes = layerSizes(snapshots)
  const found = new Map<Digest, Found>()
  const byManifest = new Map<Digest, LocalImage>()
  for (const record of records.images()) {
    const descriptor = { mediaType: '', digest: record.manifest, size: content.size(record.manifest) ?? 0 }
    const image = await readManifestImage(content, descriptor, descriptor)
    if (image === undefined) continue
    byManifest.set(record.manifest, image)
    if (!found.has(image.id)) found.set(image.id, { image, arrived: record.createdAt, refs: [], companions: new Set() })
  }
  for (const ref of records.refs()) {
    // Most names point to a manifest that was read already; only an index has more below it.
    const plain = byManifest.get(ref.target.digest)
    const image = plain ?? (await targetImage(content, ref, platform, byManifest.values()))
    const named = image === undefined ? undefined : found.get(image.id)
    if (named === undefined) continue
    named.refs.push(ref)
    if (plain !== undefined) continue
    for (const manifest of await documentsBelow(content, ref.target)) {
      const id = byManifest.get(manifest)?.id
      if (id !== undefined && id !== named.image.id) named.companions.add(id)
    }
  }
  const alone = (id: Digest): boolean => found.get(id)?.refs.length === 0
  const companions = new Set([...found.values()].flatMap((one) => [...one.companions].filter(alone)))
  return [...found.values()]
    .map((one) => ({
      ...toListed(one, sizes),
      companions: [...one.companions].filter(alone),
      companion: companions.has(one.image.id),
    }))
    .sort((a, b) => b.createdAt - a.createdAt)
}

function toListed(
  { image, arrived, refs }: Found,
  sizes: ReadonlyMap<ChainId, number>,
): Omit<ListedImage, 'companion' | 'companions'> {
  const names = refs.map(({ name }) => parseReference(name))
  const created = Date.parse(image.config.created ?? '')
  return {
    image:
      refs[0] === undefined
        ? image
        : { ...image, target: (refs.find(({ name }) => !name.includes('@')) ?? refs[0]).target },
    tags: names.filter(({ tag }) => tag !== undefined),
    digests: names.filter(({ digest }) => digest !== undefined),
    createdAt: Number.isNaN(created) ? arrived : created,
    size: imageSize(image, sizes),
  }
}

async function targetImage(
  content: ContentStore,
  ref: RefRecord,
  platform: Platform,
  present: Iterable<LocalImage>,
): Promise<LocalImage | undefined> {
  const fitting = await readImage(content, ref.target, platform)
  if (fitting !== undefined) return fitting
  for (const { config } of present) {
    if (samePlatform(config, platform)) continue
    const other = await readImage(content, ref.target, config)
    if (other !== undefined) return other
  }
  return undefined
}

/** Bytes of the files of each unpacked layer. */
export function layerSizes(snapshots: Pick<Snapshotter, 'list'>): ReadonlyMap<ChainId, number> {
  return new Map(snapshots.list().map((snapshot) => [snapshot.chainId, snapshot.bytes]))
}

/** What each layer of an image counts, base first: an unpacked one its files, another its blob. */
export function sizesOfLayers(
  { config, manifest }: Pick<LocalImage, 'config' | 'manifest'>,
  sizes: ReadonlyMap<ChainId, number>,
): readonly number[] {
  let chain: ChainId | null = null
  return config.rootfs.diff_ids.map((diffId, at) => {
    chain = chainId(chain, diffId)
    return sizes.get(chain) ?? manifest.layers[at]?.size ?? 0
  })
}

export function imageSize(image: Pick<LocalImage, 'config' | 'manifest'>, sizes: ReadonlyMap<ChainId, number>): number {
  return sizesOfLayers(image, sizes).reduce((sum, size) => sum + size, 0)
}
