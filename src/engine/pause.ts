import { pauseContainer, unpauseContainer } from '../container/stop.ts'
import type { Engine } from './engine.ts'

/** Freezes all processes of a container. CONTAINER_STOPPED, CONTAINER_CONFLICT. */
export async function pause(engine: Engine, name: string): Promise<void> {
  await pauseContainer(engine.containers, engine.containers.records.resolve(name))
}

/** Lets them go on. CONTAINER_STOPPED, CONTAINER_CONFLICT. */
export async function unpause(engine: Engine, name: string): Promise<void> {
  await unpauseContainer(engine.containers, engine.containers.records.resolve(name))
}
