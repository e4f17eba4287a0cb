import type { Digest } from '../oci/digest.ts'
import { maxIndexDepth } from '../oci/manifest.ts'
import { isIndexType, mediaTypes } from '../oci/media-types.ts'
import { selectPlatform } from '../oci/platform.ts'
import type { Descriptor, Platform } from '../oci/types.ts'
import type { FactRecords, ImageSummary, IndexEntry } from './fact-records.ts'

/** What a name points to, among images of the store. */
export interface Meaning {
  readonly image: ImageSummary | undefined
  /** All that its index names; empty for a manifest. */
  readonly members: readonly ImageSummary[]
}

/**
 * The image that a manifest or an index means for `platform`: the one that `readImage` gives where that is here, else the newest of those of
 * the index that are. No document is read.
 */
export function meaningOf(
  facts: Pick<FactRecords, 'entries'>,
  target: Digest,
  platform: Platform,
  images: ReadonlyMap<Digest, ImageSummary>,
): Meaning {
  // Most names point to a manifest; only an index has more below it.
  const plain = images.get(target)
  if (plain !== undefined) return { image: plain, members: [] }
  const tree = readTree(facts, target)
  const members = [...tree.values()].flatMap((entries) => entries.flatMap(({ digest }) => images.get(digest) ?? []))
  const chosen = choose(tree, target, platform)
  return { image: (chosen && images.get(chosen)) ?? members.toSorted(newestFirst)[0], members }
}

type TypedEntry = Pick<Descriptor, 'digest' | 'mediaType' | 'platform'>
type Tree = ReadonlyMap<Digest, readonly IndexEntry[]>

/** The entries of an index and of all indexes below it. */
function readTree(facts: Pick<FactRecords, 'entries'>, top: Digest): Tree {
  const tree = new Map<Digest, readonly IndexEntry[]>()
  const open = [top]
  for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
    if (tree.has(digest)) continue
    const entries = facts.entries(digest)
    tree.set(digest, entries)
    open.push(...entries.filter(({ nested }) => nested).map((entry) => entry.digest))
  }
  return tree
}

/** As `readImage` goes down. */
function choose(tree: Tree, top: Digest, platform: Platform): Digest | undefined {
  let digest: Digest | undefined = top
  for (let depth = 0; digest !== undefined && depth < maxIndexDepth; depth += 1) {
    const entries: readonly TypedEntry[] = (tree.get(digest) ?? []).map(({ nested, ...entry }) => ({
      ...entry,
      mediaType: nested ? mediaTypes.ociIndex : mediaTypes.ociManifest,
    }))
    const chosen: TypedEntry | undefined = selectPlatform(entries, platform)
    if (chosen === undefined || !isIndexType(chosen.mediaType)) return chosen?.digest
    digest = chosen.digest
  }
  return undefined
}

function newestFirst(a: ImageSummary, b: ImageSummary): number {
  return b.createdAt - a.createdAt || (a.manifest < b.manifest ? -1 : 1)
}
