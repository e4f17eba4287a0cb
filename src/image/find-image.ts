import { TsbuildError } from '../base/errors.ts'
import { isDigest, shortId } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { formatReference, formatRepository, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor, Platform } from '../oci/types.ts'
import type { ContentStore } from '../store/content.ts'
import type { FactRecords, ImageSummary } from './fact-records.ts'
import { readImage, readManifestImage } from './image-documents.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'
import type { LocalImage } from './image-service.ts'
import { meaningOf } from './index-members.ts'

/**
 * Finds an image as docker does: a full ID, then a name, then an unambiguous ID prefix (`sha256:` may be left out).
 * Undefined when there is none for the platform. ID_AMBIGUOUS names the candidates.
 */
export async function findImage(
  records: ImageRecords,
  content: ContentStore,
  nameOrId: string,
  platform: Platform,
): Promise<LocalImage | undefined> {
  const found = await lookUp(records, nameOrId, (reference) => findByName(records, content, reference, platform))
  return found === undefined || 'config' in found ? found : recorded(content, found)
}

/**
 * The image that `findImage` gives, and where nothing of a name fits the platform, the newest that is here of it. Its documents are not
 * read: they may be damaged.
 */
export async function identifyImage(
  records: ImageRecords,
  facts: FactRecords,
  nameOrId: string,
  platform: Platform,
): Promise<ImageSummary | undefined> {
  const found = await lookUp(records, nameOrId, async (reference) =>
    identifyByName(records, facts, reference, platform),
  )
  return found === undefined ? undefined : facts.below([found.manifest])[0]
}

/** As `identifyImage`, for a name alone. */
export function identifyByName(
  records: ImageRecords,
  facts: FactRecords,
  reference: Reference | undefined,
  platform: Platform,
): ImageSummary | undefined {
  const target = reference === undefined ? undefined : findTarget(records, reference)
  if (target === undefined) return undefined
  const images = new Map(facts.below([target.digest]).map((image) => [image.manifest, image]))
  return meaningOf(facts, target.digest, platform, images).image
}

/** Full ID, name, prefix. */
async function lookUp<Named>(
  records: ImageRecords,
  nameOrId: string,
  byName: (reference: Reference | undefined) => Promise<Named | undefined>,
): Promise<Named | ImageRecord | undefined> {
  const hex = nameOrId.startsWith('sha256:') ? nameOrId.slice('sha256:'.length) : nameOrId
  const isHex = /^[0-9a-f]+$/.test(hex)
  if (isHex && hex.length === 64) {
    const exact = records.byIdPrefix(`sha256:${hex}`)
    if (exact[0] !== undefined) return exact[0]
  }
  const named = isDigest(nameOrId) ? undefined : await byName(parsedOrUndefined(nameOrId))
  if (named !== undefined) return named
  return isHex ? findByPrefix(records, hex) : undefined
}

/** The image that a reference names in the store. A digest wins over a tag. */
export async function findByName(
  records: ImageRecords,
  content: ContentStore,
  reference: Reference | undefined,
  platform: Platform,
): Promise<LocalImage | undefined> {
  if (reference === undefined) return undefined
  const target = findTarget(records, reference)
  return target === undefined ? undefined : readImage(content, target, platform)
}

/** What a reference points to in the store, whatever the platform. */
export function findTarget(records: ImageRecords, reference: Reference): Descriptor | undefined {
  return reference.digest === undefined
    ? records.ref(tagName(reference))?.target
    : targetByDigest(records, reference, reference.digest)
}

/** Key of a tagged name in `refs`. */
export function tagName(reference: Reference): string {
  return formatReference({ ...withDefaultTag(reference), digest: undefined })
}

/** Key of a name by digest in `refs`. */
export function digestName(reference: Reference, digest: Digest): string {
  return `${formatRepository(reference)}@${digest}`
}

function targetByDigest(records: ImageRecords, reference: Reference, digest: Digest): Descriptor | undefined {
  const repository = formatRepository(reference)
  const ref =
    records.ref(digestName(reference, digest)) ??
    records.refsTo(digest).find((ref) => ref.name.startsWith(`${repository}:`))
  return ref?.target
}

function findByPrefix(records: ImageRecords, hex: string): ImageRecord | undefined {
  const found = records.byIdPrefix(`sha256:${hex}`)
  const ids = new Set(found.map((record) => record.id))
  if (ids.size > 1) {
    const candidates = [...ids].map(shortId).join(', ')
    throw new TsbuildError('ID_AMBIGUOUS', `Cannot tell which image "${hex}" is: it fits ${candidates}`, {
      hint: 'Give more digits',
    })
  }
  return found[0]
}

/** The image of a record: its manifest's type is read from the document. */
function recorded(content: ContentStore, record: ImageRecord): Promise<LocalImage | undefined> {
  const descriptor = {
    mediaType: mediaTypes.ociManifest,
    digest: record.manifest,
    size: content.size(record.manifest) ?? 0,
  }
  return readManifestImage(content, descriptor, descriptor)
}

/** An ID prefix such as `4F` is no reference; that only means that no name fits. */
function parsedOrUndefined(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    if (error instanceof TsbuildError) return undefined
    throw error
  }
}
