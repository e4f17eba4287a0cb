import { hasCode } from '../base/errors.ts'
import type { Engine } from './engine.ts'

/** Removes a volume with its data. VOLUME_NOT_FOUND (not with force), VOLUME_IN_USE. */
export async function volumeRm(
  engine: Engine,
  request: { readonly name: string; readonly force: boolean },
): Promise<void> {
  try {
    await engine.volumes.remove(request.name)
  } catch (error) {
    if (!request.force || !hasCode(error, 'VOLUME_NOT_FOUND')) throw error
  }
}
