import { TsbuildError, hasCode } from '../base/errors.ts'
import { isLive } from '../container/container-state.ts'
import { settle } from '../container/settle.ts'
import { listImages } from '../image/list-images.ts'
import { removeImage } from '../image/remove-image.ts'
import type { ImageUse, RemovedImage } from '../image/remove-image.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform, parsePlatform, samePlatform } from '../oci/platform.ts'
import { parseReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Engine, VerbContext } from './engine.ts'
import { recordImageEvent } from './image-events.ts'
import { localImage, noSuchImage } from './local-image.ts'

export interface RmiRequest {
  readonly names: readonly string[]
  readonly force: boolean
  /** The only one that the image is for. */
  readonly platform?: string
}

export interface RmiResult {
  readonly removed: readonly RemovedImage[]
  /** One per name that could not be removed; the others were. */
  readonly failed: readonly TsbuildError[]
}

/** Removes names and images, then the layers that nothing needs any more. A name given twice counts once. */
export async function rmi(engine: Engine, request: RmiRequest, context: VerbContext): Promise<RmiResult> {
  const removed: RemovedImage[] = []
  const failed: TsbuildError[] = []
  const gone = new Set<Digest>()
  for (const name of new Set(request.names)) {
    try {
      const one = await removeOne(engine, name, request, gone)
      if (one.deleted !== undefined) gone.add(one.deleted)
      removed.push(one)
    } catch (error) {
      if (!(error instanceof TsbuildError) || error.code === 'CANCELLED') throw error
      if (!(request.force && hasCode(error, 'IMAGE_NOT_FOUND'))) failed.push(error)
    }
    context.signal.throwIfAborted()
  }
  if (gone.size > 0) await collectGarbage(engine)
  return { removed, failed }
}

async function removeOne(
  engine: Engine,
  name: string,
  request: RmiRequest,
  gone: ReadonlySet<Digest>,
): Promise<RemovedImage> {
  const image = await localImage(engine, name, request.platform).catch((error: unknown) => {
    // `rmi $(images -q)` names an image once per tag.
    if (hasCode(error, 'IMAGE_NOT_FOUND') && isIdOf(name, gone)) return undefined
    throw error
  })
  if (image === undefined) return { untagged: [], deleted: undefined }
  const { imageRecords, store, snapshots, settings } = engine
  const listed = (await listImages(imageRecords, store.content, snapshots, settings.platform)).find(
    (one) => one.image.id === image.id,
  )
  if (listed === undefined) throw noSuchImage(name)
  if (request.platform !== undefined) {
    const wanted = parsePlatform(request.platform, settings.platform)
    if (!samePlatform(image.config, wanted)) {
      throw new TsbuildError(
        'PLATFORM_NOT_FOUND',
        `image with reference ${name} was found but its platform (${formatPlatform(image.config)}) does not match the specified platform (${formatPlatform(wanted)})`,
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
  const uses = await usesOf(engine, image.id)
  const by = await nameOf(engine, name, image.id)
  return store.db.transaction(() => {
    const removed = removeImage(imageRecords, listed, by, { force: request.force, uses })
    for (const untagged of removed.untagged) recordImageEvent(engine, 'untag', image.id, untagged)
    if (removed.deleted !== undefined) recordImageEvent(engine, 'delete', image.id, undefined)
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
async function nameOf(engine: Engine, name: string, id: Digest): Promise<Reference | undefined> {
  if (isIdOf(name, new Set([id]))) {
    const { findByName } = await import('../image/find-image.ts')
    const named = await findByName(engine.imageRecords, engine.store.content, parsed(name), engine.settings.platform)
    if (named === undefined) return undefined
  }
  return parsed(name)
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
