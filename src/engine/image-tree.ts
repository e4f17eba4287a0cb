import { readManifestImage } from '../image/image-documents.ts'
import type { LocalImage } from '../image/image-service.ts'
import { imageSize, layerSizes } from '../image/list-images.ts'
import type { Digest } from '../oci/digest.ts'
import { parseManifest } from '../oci/manifest.ts'
import { isIndexType, isManifestType } from '../oci/media-types.ts'
import { formatPlatform } from '../oci/platform.ts'
import { familiarReference } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
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
  const sizes = layerSizes(engine.snapshots)
  return Promise.all(
    images.map(async (listed): Promise<ImageTree> => {
      const { target } = listed.image
      const names = [...listed.tags, ...(listed.tags.length === 0 ? listed.digests : [])].map(familiarReference)
      const platforms = isIndexType(target.mediaType) ? await platformsOf(engine, target, sizes) : []
      if (platforms.length === 0)
        return { names, ...usage(engine, listed.image, sizes, listed.containers), platforms: [] }
      const sum = (key: 'diskUsage' | 'contentSize'): number => platforms.reduce((total, one) => total + one[key], 0)
      const inUse = platforms.some((one) => one.inUse)
      return {
        names,
        id: target.digest,
        diskUsage: sum('diskUsage'),
        contentSize: sum('contentSize'),
        inUse,
        platforms,
      }
    }),
  )
}

async function platformsOf(
  engine: Engine,
  target: Descriptor,
  sizes: ReturnType<typeof layerSizes>,
): Promise<ImageTree['platforms']> {
  const { containers, store } = engine
  const document = parseManifest(await store.content.read(target.digest), target.mediaType, `index ${target.digest}`)
  if (document.kind !== 'index') return []
  const found: (Usage & { readonly platform: string })[] = []
  for (const entry of document.index.manifests) {
    if (!isManifestType(entry.mediaType) || entry.platform === undefined || entry.platform.os === 'unknown') continue
    const platform = formatPlatform(entry.platform)
    const image = await readManifestImage(store.content, target, entry)
    found.push(
      image === undefined
        ? { platform, id: entry.digest, diskUsage: 0, contentSize: 0, inUse: false }
        : { platform, ...usage(engine, image, sizes, containers.records.usersOfImage(image.id).length) },
    )
  }
  return found
}

function usage({ store }: Engine, image: LocalImage, sizes: ReturnType<typeof layerSizes>, containers: number): Usage {
  const { manifest, manifestDescriptor } = image
  const blobs = [manifestDescriptor, manifest.config, ...manifest.layers]
  const contentSize = blobs.reduce((total, { digest }) => total + (store.content.size(digest) ?? 0), 0)
  const files = imageSize(image, sizes)
  return { id: image.id, diskUsage: files + contentSize, contentSize, inUse: containers > 0 }
}
