import { eventLog } from '../store/event-log.ts'
import type { Digest } from '../oci/digest.ts'
import type { Engine } from './engine.ts'

export type ImageAction = 'pull' | 'push' | 'tag' | 'untag' | 'delete' | 'load' | 'save' | 'import'

/** Writes down what happened to an image, for `events` (docker's words). `name` is what it was called at that. */
export function recordImageEvent(
  engine: Pick<Engine, 'store'>,
  action: ImageAction,
  id: Digest,
  name: string | undefined,
): void {
  eventLog(engine.store.db).record({ type: 'image', action, actor: id, attributes: name === undefined ? {} : { name } })
}
