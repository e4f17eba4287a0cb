import { TsbuildError } from '../base/errors.ts'
import { attachHandlers, pumpAttached } from '../container/attach.ts'
import type { AttachEnd, AttachIo } from '../container/attach.ts'
import type { Container } from '../container/container-records.ts'
import { settledByName } from '../container/settle.ts'
import { attachLive } from '../container/start.ts'
import type { Engine, VerbContext } from './engine.ts'
import { enterTerminal } from './enter-terminal.ts'

/** Attaches to a running container. `io` is made from what the container is. CONTAINER_STOPPED, CONTAINER_CONFLICT for a paused one. */
export async function attach(
  engine: Engine,
  name: string,
  io: (container: Container) => AttachIo,
  context: VerbContext,
): Promise<AttachEnd> {
  const { container, state } = await settledByName(engine.containers, name)
  if (state.status === 'paused') throw unfit(container, 'CONTAINER_CONFLICT', 'is paused', 'unpause')
  if (state.status !== 'running') throw unfit(container, 'CONTAINER_STOPPED', 'is not running', 'start')
  const ends = io(container)
  const { handlers, exited } = attachHandlers(ends)
  using _terminal = await enterTerminal(engine.native, ends)
  using client = await attachLive(engine.containers, container, { signal: context.signal, attach: handlers })
  if (client === undefined) throw new Error('An attached start gave no connection')
  return await pumpAttached(client, exited, ends, context.signal)
}

function unfit(
  container: Container,
  code: 'CONTAINER_STOPPED' | 'CONTAINER_CONFLICT',
  why: string,
  verb: string,
): TsbuildError {
  return new TsbuildError(code, `cannot attach to container "${container.name}": it ${why}`, {
    hint: `tsbuild ${verb} ${container.name}`,
  })
}
