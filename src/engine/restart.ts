import { restartContainer } from '../container/stop.ts'
import type { Engine, VerbContext } from './engine.ts'
import type { StopRequest } from './stop.ts'

/** Stops a container where it runs, and starts it. Codes of both. */
export async function restart(engine: Engine, { name, ...options }: StopRequest, context: VerbContext): Promise<void> {
  const container = engine.containers.records.resolve(name, 'certain')
  await restartContainer(engine.containers, container, { ...options, signal: context.signal })
}
