import type { ImageService, ImageSource, LocalImage } from '../../image/image-service.ts'
import { chainId } from '../../oci/digest.ts'
import type { ChainId } from '../../oci/digest.ts'
import { withParent } from '../internal-step.ts'
import type { Operation } from '../solver/operation.ts'
import type { ImageOp } from './op.ts'

/** An image that the plan found by its name. */
export interface BaseImage {
  readonly image: LocalImage
  /** Absent when its layers are here. */
  readonly source?: ImageSource
}

/** The layers of an image: known by name from its config, fetched and unpacked when a step needs them. */
export function imageOperation(op: ImageOp, { image, source }: BaseImage, images: ImageService): Operation {
  const identity = op.diffIds.reduce<ChainId | null>(chainId, null)
  if (identity === null) throw new Error('An image without layers is not a step')
  return {
    kind: op.kind,
    identity,
    cacheMap: async () => ({ facts: [], inputs: [] }),
    run: (_inputs, { id, emit, signal }) =>
      images.unpack(image, {
        ...(source === undefined ? {} : { source }),
        emit: withParent(emit, id),
        signal,
      }),
  }
}
