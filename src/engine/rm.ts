import { removeContainer } from '../container/remove.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface RmRequest {
  readonly name: string
  readonly force: boolean
  /** Remove its anonymous volumes too. */
  readonly volumes: boolean
}

/** Removes a container. CONTAINER_RUNNING without force, CONTAINER_NOT_FOUND, ID_AMBIGUOUS, ID_TOO_SHORT. */
export async function rm(engine: Engine, { name, ...options }: RmRequest, context: VerbContext): Promise<void> {
  const container = engine.containers.records.resolve(name, 'certain')
  await removeContainer(engine.containers, container, { ...options, signal: context.signal })
}
