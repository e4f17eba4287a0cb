import { TsbuildError } from '../base/errors.ts'
import { shortId } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import { familiarReference, familiarRepository, formatReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { digestName, tagName } from './find-image.ts'
import type { ImageRecords } from './image-records.ts'
import type { ListedImage } from './list-images.ts'

/** Who uses an image, by its ID: told by whoever knows containers. */
export interface ImageUse {
  /** What people know the user by. */
  readonly name: string
  readonly running: boolean
}

export interface RemoveOptions {
  /** Also when it has several names or a stopped container uses it. */
  readonly force: boolean
  readonly uses: readonly ImageUse[]
}

export interface RemovedImage {
  readonly untagged: readonly string[]
  /** Image ID, when the image itself went. */
  readonly deleted: Digest | undefined
}

/**
 * Takes a name off an image, or the image away with its last name, as docker does it: by ID all its names go, which needs `force` when they
 * are of several repositories. Its layers go with the next garbage collection. IMAGE_IN_USE when a container needs it.
 * `by` is the name that was given; undefined for an ID.
 */
export function removeImage(
  records: ImageRecords,
  listed: ListedImage,
  by: Reference | undefined,
  options: RemoveOptions,
): RemovedImage {
  const { id, tags, digests } = listed
  const gone = by === undefined ? tags : tags.filter((name) => formatReference(name) === tagName(by))
  const rest = tags.filter((name) => !gone.includes(name))
  if (by?.digest !== undefined) return removeDigestName(records, listed, by, by.digest, options)
  // A name by digest goes with the last tag of its repository.
  const orphaned = digests.filter((name) => {
    const sameRepository = (tag: Reference): boolean => familiarRepository(tag) === familiarRepository(name)
    return by === undefined || (gone.some(sameRepository) && !rest.some(sameRepository))
  })
  const last = rest.length === 0 && orphaned.length === digests.length
  if (by === undefined) checkRepositories(id, tags, options)
  if (last) checkUses(id, by, options)
  for (const name of gone) records.removeRef(tagName(name))
  for (const name of orphaned) if (name.digest !== undefined) records.removeRef(digestName(name, name.digest))
  const deleted = last ? id : undefined
  if (deleted !== undefined) forget(records, listed)
  return { untagged: [...gone, ...orphaned].map(familiarReference), deleted }
}

function removeDigestName(
  records: ImageRecords,
  listed: ListedImage,
  by: Reference,
  digest: Digest,
  options: RemoveOptions,
): RemovedImage {
  const alone = listed.tags.length === 0 && listed.digests.length <= 1
  if (alone) checkUses(listed.id, by, options)
  records.removeRef(digestName(by, digest))
  if (alone) forget(records, listed)
  return { untagged: [familiarReference({ ...by, tag: undefined })], deleted: alone ? listed.id : undefined }
}

/** The image and those of other platforms that were here with it. */
function forget(records: ImageRecords, { id, companions }: ListedImage): void {
  for (const gone of [id, ...companions])
    for (const { manifest } of records.byIdPrefix(gone)) records.removeImage(manifest)
}

function checkRepositories(id: Digest, tags: readonly Reference[], { force }: RemoveOptions): void {
  if (force || new Set(tags.map(familiarRepository)).size < 2) return
  throw new TsbuildError(
    'IMAGE_IN_USE',
    `Cannot remove image ${shortId(id)}: it has names in several repositories: ${tags.map(familiarReference).join(', ')}`,
    {
      hint: 'Remove it by name, or all of them with --force',
    },
  )
}

function checkUses(id: Digest, by: Reference | undefined, { force, uses }: RemoveOptions): void {
  const blocking = uses.find((use) => use.running) ?? (force ? undefined : uses[0])
  if (blocking === undefined) return
  const what = by === undefined ? shortId(id) : `"${familiarReference(by)}"`
  throw new TsbuildError(
    'IMAGE_IN_USE',
    `Cannot remove image ${what}: container ${blocking.name} ${blocking.running ? 'runs from it' : 'was made from it'}`,
    { hint: blocking.running ? 'Stop and remove the container first' : 'Remove the container first, or use --force' },
  )
}
