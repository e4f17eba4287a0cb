import { TsbuildError } from '../base/errors.ts'
import { familiarReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { recordImageEvent } from './image-events.ts'
import type { Engine, VerbContext } from './engine.ts'
import { localImage } from './local-image.ts'

export interface TagRequest {
  readonly source: string
  readonly targets: readonly string[]
}

/** Lets further names point to an image; a name that exists moves. Errors: IMAGE_NOT_FOUND, REFERENCE_INVALID. */
export async function tag(engine: Engine, request: TagRequest, _context: VerbContext): Promise<void> {
  const targets = request.targets.map((target) => {
    const reference = parseReference(target)
    if (reference.digest === undefined) return reference
    throw new TsbuildError(
      'REFERENCE_INVALID',
      `Cannot tag as "${target}": a digest is not given, it follows from the content`,
    )
  })
  const image = await localImage(engine, request.source)
  engine.store.db.transaction(() => {
    for (const target of targets) {
      engine.images.tag(image, target)
      recordImageEvent(engine, 'tag', image.id, familiarReference(withDefaultTag(target)))
    }
  })
}
