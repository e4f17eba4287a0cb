import { chainId } from '../oci/digest.ts'
import type { ChainId, Digest } from '../oci/digest.ts'
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
  const sizes = new Map(engine.snapshots.list().map((snapshot) => [snapshot.chainId, snapshot.size]))
  const diffIds = image.config.rootfs.diff_ids
  const layerSizes: number[] = []
  let chain: ChainId | null = null
  for (const [at, diffId] of diffIds.entries()) {
    chain = chainId(chain, diffId)
    layerSizes.push(sizes.get(chain) ?? image.manifest.layers[at]?.size ?? 0)
  }
  let layer = 0
  const steps = (image.config.history ?? layerSizes.map((): HistoryEntry => ({}))).map((entry): HistoryStep => {
    const size = entry.empty_layer === true ? 0 : (layerSizes[layer++] ?? 0)
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
