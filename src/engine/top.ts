import { containerTop } from '../container/top.ts'
import type { ProcessTable } from '../container/top.ts'
import type { Engine } from './engine.ts'

/** Processes of a container. CONTAINER_STOPPED, FEATURE_MISSING, USAGE. */
export async function top(
  engine: Engine,
  request: { readonly name: string; readonly args: readonly string[] },
): Promise<ProcessTable> {
  return containerTop(engine.containers, engine.containers.records.resolve(request.name), request.args)
}
