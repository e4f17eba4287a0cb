import { TsbuildError, hasCode } from '../base/errors.ts'
import { isLive } from '../container/container-state.ts'
import { settle } from '../container/settle.ts'
import type { FactRecords } from '../image/fact-records.ts'
import { findTarget } from '../image/find-image.ts'
import { imageFacts } from '../image/image-facts.ts'
import { listedImage } from '../image/list-images.ts'
import { removeImage } from '../image/remove-image.ts'
import type { ImageUse, RemovedImage } from '../image/remove-image.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform, parsePlatform, samePlatform } from '../oci/platform.ts'
import { parseReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Engine, VerbContext } from './engine.ts'
import { recordImageEvent } from './image-events.ts'
import { noSuchImage } from './local-image.ts'

export interface RmiRequest {
  readonly names: readonly string[]
  readonly force: boolean
  /** The only one that the image is for. */
  readonly platform?: string
}

export interface RmiResult {
  readonly removed: readonly RemovedImage[]
  /** One per name that could not be removed; the others were. The last may tell why no room was made. */
  readonly failed: readonly TsbuildError[]
}

/** Removes names and images, then the layers that nothing needs any more. A name given twice counts once. */
export async function rmi(engine: Engine, request: RmiRequest, context: VerbContext): Promise<RmiResult> {
  const removed: RemovedImage[] = []
  const failed: TsbuildError[] = []
  const gone = new Set<Digest>()
  const facts = await imageFacts(engine.store)
  for (const name of new Set(request.names)) {
    try {
      const one = await removeOne(engine, name, request, { facts, gone })
      if (one.deleted !== undefined) gone.add(one.deleted)
      removed.push(one)
    } catch (error) {
      if (!(error instanceof TsbuildError) || error.code === 'CANCELLED') throw error
      if (!(request.force && hasCode(error, 'IMAGE_NOT_FOUND'))) failed.push(error)
    }
    context.signal.throwIfAborted()
  }
  try {
    if (gone.size > 0) await collectGarbage(engine)
  } catch (error) {
    // Of another image it is not known what it needs. The names are gone all the same.
    if (!hasCode(error, 'STORE_CORRUPT')) throw error
    failed.push(error)
  }
  return { removed, failed }
}

/** Reads no document: what is damaged goes as well. */
async function removeOne(
  engine: Engine,
  name: string,
  request: RmiRequest,
  { facts, gone }: { readonly facts: FactRecords; readonly gone: ReadonlySet<Digest> },
): Promise<RemovedImage> {
  const { images, imageRecords, store, settings } = engine
  const wanted = request.platform === undefined ? undefined : parsePlatform(request.platform, settings.platform)
  const image = await images.identify(facts, name, wanted ?? settings.platform)
  // `rmi $(images -q)` names an image once per tag.
  if (image === undefined && isIdOf(name, gone)) return { untagged: [], deleted: undefined }
  const listed = image === undefined ? undefined : listedImage(imageRecords, facts, image.id, settings.platform)
  if (listed === undefined) throw noSuchImage(name)
  const { id } = listed
  if (wanted !== undefined) {
    const { platform } = listed
    if (platform === undefined || !samePlatform(platform, wanted)) {
      throw new TsbuildError(
        'PLATFORM_NOT_FOUND',
        `image with reference ${name} was found but its platform (${platform === undefined ? 'unknown' : formatPlatform(platform)}) does not match the specified platform (${formatPlatform(wanted)})`,
      )
    }
    if (listed.companions.length > 0)
      throw new TsbuildError(
        'FEATURE_MISSING',
        `Cannot remove one platform of "${name}": others are here under its name`,
        {
          hint: `A name goes with all its platforms: "tsbuild rmi ${name}" removes them`,
        },
      )
  }
  const uses = await usesOf(engine, id)
  const by = nameOf(engine, name, id)
  return store.db.transaction(() => {
    const removed = removeImage(imageRecords, listed, by, { force: request.force, uses })
    for (const untagged of removed.untagged) recordImageEvent(engine, 'untag', id, untagged)
    if (removed.deleted !== undefined) recordImageEvent(engine, 'delete', id, undefined)
    return removed
  })
}

async function usesOf({ containers }: Engine, id: Digest): Promise<readonly ImageUse[]> {
  const using = containers.records.list().filter(({ spec }) => spec.image.id === id)
  const settled = await Promise.all(using.map((container) => settle(containers, container)))
  return settled
    .filter((one) => one !== undefined)
    .map(({ container, state }) => ({ name: container.name, running: isLive(state) }))
}

/** The reference that the argument was, undefined when it was an ID. */
function nameOf({ imageRecords }: Engine, name: string, id: Digest): Reference | undefined {
  const reference = parsed(name)
  if (reference === undefined || !isIdOf(name, new Set([id]))) return reference
  return findTarget(imageRecords, reference) === undefined ? undefined : reference
}

function parsed(name: string): Reference | undefined {
  try {
    return parseReference(name)
  } catch (error) {
    if (hasCode(error, 'REFERENCE_INVALID', 'DIGEST_INVALID')) return undefined
    throw error
  }
}

function isIdOf(name: string, ids: ReadonlySet<Digest>): boolean {
  const hex = name.replace(/^sha256:/, '')
  return /^[0-9a-f]+$/.test(hex) && [...ids].some((id) => id.startsWith(`sha256:${hex}`))
}
