import { eventLog } from '../store/event-log.ts'
import type { Volume } from '../volume/volume-records.ts'
import type { NewVolume } from '../volume/volume-service.ts'
import type { Engine } from './engine.ts'

/** Makes a volume, or gives the one of that name. VOLUME_INVALID, VOLUME_EXISTS. */
export function volumeCreate(engine: Engine, request: NewVolume): Volume {
  const volume = engine.volumes.create(request)
  eventLog(engine.store.db).record({
    type: 'volume',
    action: 'create',
    actor: volume.name,
    attributes: { driver: 'local' },
  })
  return volume
}
