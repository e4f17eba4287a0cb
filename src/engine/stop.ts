import { stopContainer } from '../container/stop.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface StopRequest {
  readonly name: string
  /** Seconds until SIGKILL; -1 waits for ever. */
  readonly timeout?: number
  /** Instead of the container's own. */
  readonly stopSignal?: string
}

/** Stops a container; one that does not run is left as it is. CONTAINER_NOT_FOUND, ID_AMBIGUOUS, ID_TOO_SHORT. */
export async function stop(engine: Engine, { name, ...options }: StopRequest, context: VerbContext): Promise<void> {
  const container = engine.containers.records.resolve(name, 'certain')
  await stopContainer(engine.containers, container, { ...options, signal: context.signal })
}
