import { attachHandlers, pumpAttached } from '../container/attach.ts'
import type { AttachEnd, AttachIo } from '../container/attach.ts'
import { startContainer } from '../container/start.ts'
import type { Engine, VerbContext } from './engine.ts'
import { enterTerminal } from './enter-terminal.ts'

/** Starts a container by name or id; one that runs is left as it is. */
export async function start(engine: Engine, name: string, context: VerbContext): Promise<void> {
  const container = engine.containers.records.resolve(name)
  await startContainer(engine.containers, container, { signal: context.signal })
}

/** Starts a container and stays attached to it until it ends or the client detaches. */
export async function startAttached(
  engine: Engine,
  name: string,
  io: AttachIo,
  context: VerbContext,
): Promise<AttachEnd> {
  const container = engine.containers.records.resolve(name)
  const { handlers, exited } = attachHandlers(io)
  using _terminal = await enterTerminal(engine.native, io)
  using client = await startContainer(engine.containers, container, { signal: context.signal, attach: handlers })
  if (client === undefined) throw new Error('An attached start gave no connection')
  return await pumpAttached(client, exited, io, context.signal)
}
