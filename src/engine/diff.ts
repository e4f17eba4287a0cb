import { containerChanges } from '../container/container-changes.ts'
import type { Change } from '../container/container-changes.ts'
import type { Engine, VerbContext } from './engine.ts'

/** What a container changed in its root. CONTAINER_NOT_FOUND. */
export async function diff(engine: Engine, name: string, context: VerbContext): Promise<readonly Change[]> {
  return containerChanges(engine.containers, engine.containers.records.resolve(name), context.signal)
}
