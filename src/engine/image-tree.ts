import type { FactRecords, ImageSummary } from '../image/fact-records.ts'
import { imageFacts } from '../image/image-facts.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform } from '../oci/platform.ts'
import { familiarReference } from '../oci/reference.ts'
import type { Engine } from './engine.ts'
import type { CountedImage } from './images.ts'

interface Usage {
  readonly id: Digest
  /** Bytes of unpacked files and of blobs. */
  readonly diskUsage: number
  /** Bytes of blobs alone. */
  readonly contentSize: number
  /** A container was made from it. */
  readonly inUse: boolean
}

export interface ImageTree extends Usage {
  readonly names: readonly string[]
  /** Of an index, also those that are not in the store (0 bytes). */
  readonly platforms: readonly (Usage & { readonly platform: string })[]
}

/** What `images --tree` shows of images: where an image came as an index, all its platforms. */
export async function imageTree(engine: Engine, images: readonly CountedImage[]): Promise<readonly ImageTree[]> {
  const facts = await imageFacts(engine.store)
  const users = engine.containers.records.usersOfImages()
  const usage = (image: Pick<ImageSummary, 'id' | 'manifest' | 'size'>): Usage => {
    const contentSize = contentBytes(engine, facts, image)
    return { id: image.id, diskUsage: image.size + contentSize, contentSize, inUse: users.has(image.id) }
  }
  return images.map((listed): ImageTree => {
    const { target } = listed
    const names = [...listed.tags, ...(listed.tags.length === 0 ? listed.digests : [])].map(familiarReference)
    const platforms = target === undefined ? [] : platformsOf(facts, target.digest, usage)
    if (target === undefined || platforms.length === 0) return { names, ...usage(listed), platforms: [] }
    const sum = (key: 'diskUsage' | 'contentSize'): number => platforms.reduce((total, one) => total + one[key], 0)
    const inUse = platforms.some((one) => one.inUse)
    return { names, id: target.digest, diskUsage: sum('diskUsage'), contentSize: sum('contentSize'), inUse, platforms }
  })
}

function platformsOf(
  facts: FactRecords,
  target: Digest,
  usage: (image: ImageSummary) => Usage,
): ImageTree['platforms'] {
  return facts.entries(target).flatMap(({ digest, nested, platform }) => {
    if (nested || platform === undefined || platform.os === 'unknown') return []
    const [image] = facts.below([digest])
    const used = image === undefined ? { id: digest, diskUsage: 0, contentSize: 0, inUse: false } : usage(image)
    return [{ platform: formatPlatform(platform), ...used }]
  })
}

function contentBytes(
  { store }: Engine,
  facts: FactRecords,
  { id, manifest }: Pick<ImageSummary, 'id' | 'manifest'>,
): number {
  return [manifest, id, ...facts.blobs(manifest)].reduce(
    (total, digest) => total + (store.content.size(digest) ?? 0),
    0,
  )
}
