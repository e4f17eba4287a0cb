import type { ContainerEntry } from '../container/container-filter.ts'
import { isLive } from '../container/container-state.ts'
import { settleAll } from '../container/settle.ts'
import { containerSizes } from '../container/sizes.ts'
import { imageFacts } from '../image/image-facts.ts'
import { listImages } from '../image/list-images.ts'
import type { ListedImage } from '../image/list-images.ts'
import type { Volume } from '../volume/volume-records.ts'
import { cacheItems } from './builder-cache.ts'
import type { CacheItem } from './builder-cache.ts'
import type { Engine } from './engine.ts'

export interface ImageUsage extends ListedImage {
  /** Bytes of layers that other images have too. */
  readonly shared: number
  /** Containers made from it. */
  readonly containers: number
}

export interface ContainerUsage extends Pick<ContainerEntry, 'container' | 'state'> {
  /** Bytes of its own layer. */
  readonly size: number
}

export interface VolumeUsage {
  readonly volume: Volume
  /** Containers that use it. */
  readonly links: number
  readonly size: number
}

/** What the store holds, in bytes of the disk. */
export interface DiskUsage {
  readonly images: readonly ImageUsage[]
  /** Of all images together, each layer once. */
  readonly imageBytes: number
  readonly containers: readonly ContainerUsage[]
  readonly volumes: readonly VolumeUsage[]
  readonly cache: readonly CacheItem[]
}

export async function systemDf(engine: Engine): Promise<DiskUsage> {
  const [images, containers, volumes, cache] = [
    await imageUsage(engine),
    await containerUsage(engine),
    await volumeUsage(engine),
    await cacheItems(engine),
  ]
  return { ...images, containers, volumes, cache }
}

async function imageUsage(engine: Engine): Promise<Pick<DiskUsage, 'images' | 'imageBytes'>> {
  const { containers, imageRecords, settings, store } = engine
  const facts = await imageFacts(store)
  const { total, shared } = facts.sharing()
  const users = containers.records.usersOfImages()
  return {
    images: listImages(imageRecords, facts, settings.platform)
      .filter(({ companion }) => !companion)
      .map((image) => ({
        ...image,
        shared: shared.get(image.manifest) ?? 0,
        containers: users.get(image.id) ?? 0,
      })),
    imageBytes: total,
  }
}

async function containerUsage({ containers }: Engine): Promise<readonly ContainerUsage[]> {
  const settled = (await settleAll(containers)).filter(({ container }) => container.stage === 'ready')
  const sizes = await containerSizes(
    containers,
    settled.map(({ container }) => container),
  )
  return settled.map(({ container, state }, at) => ({ container, state, size: sizes[at]?.rw ?? 0 }))
}

async function volumeUsage({ native, volumes }: Engine): Promise<readonly VolumeUsage[]> {
  const list = volumes.records.list()
  if (list.length === 0) return []
  const answer = await native.call('usage', { paths: list.map(({ name }) => volumes.mountpoint(name)) })
  const bytes = answer['bytes'] as readonly number[]
  return list.map((volume, at) => ({
    volume,
    links: volumes.records.usersOf(volume.name).length,
    size: bytes[at] ?? 0,
  }))
}

/** What each part would give back to a prune. */
export function reclaimable(usage: DiskUsage): Readonly<Record<'images' | 'containers' | 'volumes' | 'cache', number>> {
  const needed = usage.images.filter(({ containers }) => containers > 0)
  const inUse =
    needed.reduce((sum, { size, shared }) => sum + size - shared, 0) +
    Math.max(0, ...needed.map(({ shared }) => shared))
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0)
  return {
    images: Math.max(0, usage.imageBytes - inUse),
    containers: sum(usage.containers.filter(({ state }) => !isLive(state)).map(({ size }) => size)),
    volumes: sum(usage.volumes.filter(({ links }) => links === 0).map(({ size }) => size)),
    cache: sum(usage.cache.filter(({ inUse: used, shared }) => !used && !shared).map(({ size }) => size)),
  }
}
