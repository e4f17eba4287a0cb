import { execIn } from '../container/exec.ts'
import type { ExecRequest } from '../container/exec.ts'
import type { Engine, VerbContext } from './engine.ts'

/** Runs one more process in a running container and gives its exit code. Codes of `execIn`; CONTAINER_NOT_FOUND, ID_AMBIGUOUS. */
export async function exec(
  engine: Engine,
  request: Omit<ExecRequest, 'signal'> & { readonly name: string },
  context: VerbContext,
): Promise<number> {
  const container = engine.containers.records.resolve(request.name)
  return await execIn(engine.containers, container, { ...request, signal: context.signal })
}
