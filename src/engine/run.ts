import type { Container } from '../container/container-records.ts'
import { attachHandlers, pumpAttached } from '../container/attach.ts'
import type { AttachEnd, AttachIo } from '../container/attach.ts'
import { removeContainer } from '../container/remove.ts'
import { startContainer } from '../container/start.ts'
import { settle } from '../container/settle.ts'
import { create } from './create.ts'
import type { CreateRequest } from './create.ts'
import type { Engine, VerbContext } from './engine.ts'
import { enterTerminal } from './enter-terminal.ts'

export interface RunRequest extends CreateRequest {
  /** null: detached, `run` ends when the process runs. */
  readonly attach: AttachIo | null
  /** Told as soon as the container exists, before it starts. */
  readonly onCreate?: (container: Container) => Promise<void> | void
}

export type RunResult =
  | { readonly kind: 'started'; readonly container: Container }
  | (AttachEnd & { readonly container: Container })

/**
 * Makes a container and starts it: `docker run`. A container that cannot start is removed again. Codes of `create` and of a start;
 * the exit code of the process is a result.
 */
export async function run(engine: Engine, request: RunRequest, context: VerbContext): Promise<RunResult> {
  const { containers, native } = engine
  native.prepare('monitor')
  const container = await create(engine, request, context)
  let started = false
  try {
    await request.onCreate?.(container)
    if (request.attach === null) {
      await startContainer(containers, container, { signal: context.signal })
      return { kind: 'started', container }
    }
    const io = request.attach
    const { handlers, exited } = attachHandlers(io)
    using _terminal = await enterTerminal(engine.native, io)
    using client = await startContainer(containers, container, { signal: context.signal, attach: handlers })
    started = true
    if (client === undefined) throw new Error('An attached start gave no connection')
    const end = await pumpAttached(client, exited, io, context.signal)
    if (end.kind === 'exited' && container.spec.autoRemove) {
      // Then nothing of the monitor is left that would have to be waited for.
      await client.closed.catch(() => {})
      await settle(containers, container)
    }
    return { ...end, container }
  } catch (error) {
    if (!started) await removeContainer(containers, container, { force: true, volumes: true })
    throw error
  }
}
