import { killContainer } from '../container/stop.ts'
import type { Engine } from './engine.ts'

/** Sends a signal to the init process of a container. CONTAINER_STOPPED, USAGE for an unknown signal, ID_TOO_SHORT. */
export async function kill(engine: Engine, request: { readonly name: string; readonly signal: string }): Promise<void> {
  await killContainer(engine.containers, engine.containers.records.resolve(request.name, 'certain'), request.signal)
}
