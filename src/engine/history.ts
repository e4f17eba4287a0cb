import { sizesOfLayers } from '../image/list-images.ts'
import type { Digest } from '../oci/digest.ts'
import type { HistoryEntry } from '../oci/types.ts'
import type { Engine, VerbContext } from './engine.ts'
import { localImage } from './local-image.ts'

export interface HistoryRequest {
  readonly name: string
  readonly platform?: string
}

export interface HistoryStep {
  /** Image ID for the newest step, else undefined: intermediate images do not exist. */
  readonly id: Digest | undefined
  readonly createdAt: number | undefined
  readonly createdBy: string
  readonly comment: string
  /** Bytes of the step's layer; 0 for one that only changed the config. */
  readonly size: number
}

/** The steps that made an image, newest first. Errors: IMAGE_NOT_FOUND. */
export async function history(
  engine: Engine,
  request: HistoryRequest,
  _context: VerbContext,
): Promise<readonly HistoryStep[]> {
  const image = await localImage(engine, request.name, request.platform)
  const sizes = sizesOfLayers(image, engine.snapshots)
  let layer = 0
  const steps = (image.config.history ?? sizes.map((): HistoryEntry => ({}))).map((entry): HistoryStep => {
    const size = entry.empty_layer === true ? 0 : (sizes[layer++] ?? 0)
    const created = Date.parse(entry.created ?? '')
    return {
      id: undefined,
      createdAt: Number.isNaN(created) ? undefined : created,
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? '',
      size,
    }
  })
  return steps.map((step, at) => (at === steps.length - 1 ? { ...step, id: image.id } : step)).reverse()
}
