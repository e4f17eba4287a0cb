import type { Digest } from '../oci/digest.ts'
import { parseReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor, Platform } from '../oci/types.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import type { FactRecords, ImageSummary } from './fact-records.ts'
import type { ImageRecords, RefRecord } from './image-records.ts'
import { meaningOf } from './index-members.ts'
import type { Meaning } from './index-members.ts'
import type { LocalImage } from './image-service.ts'
import { chainIds } from './unpack-layers.ts'

/** An image of the store with all its names. */
export interface ListedImage {
  readonly id: Digest
  readonly manifest: Digest
  /** What its first name points to; undefined for an image without names. */
  readonly target: Descriptor | undefined
  /** Undefined when its documents are damaged. */
  readonly platform: Platform | undefined
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
  readonly image: ImageSummary
  readonly refs: RefRecord[]
  readonly companions: Set<Digest>
}

/**
 * All images, newest first, each once: a name that points to an index counts for its image of `platform`, or for the newest one
 * that is here.
 */
export function listImages(records: ImageRecords, facts: FactRecords, platform: Platform): readonly ListedImage[] {
  return withNames(facts, { images: facts.summaries(), refs: records.refs(), platform })
}

/** One image as `listImages` has it. */
export function listedImage(
  records: ImageRecords,
  facts: FactRecords,
  id: Digest,
  platform: Platform,
): ListedImage | undefined {
  const family = facts.family(id).map(({ manifest }) => manifest)
  const refs = records.refsOver(family)
  // What a name means depends on all that is below it.
  const images = facts.below([...family, ...refs.map(({ target }) => target.digest)])
  return withNames(facts, { images, refs, platform }).find((one) => one.id === id)
}

/** `images` newest first, with all that are below one of `refs`. An image has the names among `refs`. */
function withNames(
  facts: FactRecords,
  given: { readonly images: readonly ImageSummary[]; readonly refs: readonly RefRecord[]; readonly platform: Platform },
): readonly ListedImage[] {
  const found = new Map<Digest, Found>()
  const byManifest = new Map<Digest, ImageSummary>()
  for (const image of given.images) {
    byManifest.set(image.manifest, image)
    if (!found.has(image.id)) found.set(image.id, { image, refs: [], companions: new Set() })
  }
  const known = new Map<Digest, Meaning>()
  for (const ref of given.refs) {
    const { digest } = ref.target
    const meaning = known.get(digest) ?? meaningOf(facts, digest, given.platform, byManifest)
    known.set(digest, meaning)
    const named = meaning.image === undefined ? undefined : found.get(meaning.image.id)
    if (named === undefined) continue
    named.refs.push(ref)
    for (const { id } of meaning.members) if (id !== named.image.id) named.companions.add(id)
  }
  const alone = (id: Digest): boolean => found.get(id)?.refs.length === 0
  const companions = new Set([...found.values()].flatMap((one) => [...one.companions].filter(alone)))
  return [...found.values()]
    .map((one) => toListed(one, [...one.companions].filter(alone), companions.has(one.image.id)))
    .sort((a, b) => b.createdAt - a.createdAt)
}

function toListed({ image, refs }: Found, companions: readonly Digest[], companion: boolean): ListedImage {
  const { id, manifest, createdAt, created, platform, size } = image
  const names = refs.map(({ name }) => parseReference(name))
  return {
    id,
    manifest,
    target: (refs.find(({ name }) => !name.includes('@')) ?? refs[0])?.target,
    platform,
    tags: names.filter(({ tag }) => tag !== undefined),
    digests: names.filter(({ digest }) => digest !== undefined),
    createdAt: created ?? createdAt,
    size,
    companions,
    companion,
  }
}

/** What each layer of an image counts, base first: an unpacked one its files, another its blob. */
export function sizesOfLayers(
  { config, manifest }: Pick<LocalImage, 'config' | 'manifest'>,
  snapshots: Pick<Snapshotter, 'bytesOf'>,
): readonly number[] {
  const chains = chainIds(config.rootfs.diff_ids.map((diffId) => ({ diffId })))
  const bytes = snapshots.bytesOf(chains)
  return chains.map((chain, at) => bytes.get(chain) ?? manifest.layers[at]?.size ?? 0)
}
