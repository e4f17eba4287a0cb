import { hasCode } from '../base/errors.ts'
import { eventLog } from '../store/event-log.ts'
import type { Engine } from './engine.ts'

/** Removes a volume with its data. VOLUME_NOT_FOUND (not with force), VOLUME_IN_USE. */
export async function volumeRm(
  engine: Engine,
  request: { readonly name: string; readonly force: boolean },
): Promise<void> {
  try {
    await engine.volumes.remove(request.name)
    eventLog(engine.store.db).record({
      type: 'volume',
      action: 'destroy',
      actor: request.name,
      attributes: { driver: 'local' },
    })
  } catch (error) {
    if (!request.force || !hasCode(error, 'VOLUME_NOT_FOUND')) throw error
  }
}
