import { setTimeout as delay } from 'node:timers/promises'
import { isLive, readState } from '../container/container-state.ts'
import { connectMonitor } from '../container/monitor-client.ts'
import { settledByName } from '../container/settle.ts'
import type { Engine, VerbContext } from './engine.ts'

/** Waits until a container ends and gives its exit code; at once for one that has ended. CONTAINER_NOT_FOUND. */
export async function wait(engine: Engine, name: string, context: VerbContext): Promise<number> {
  const { containers } = engine
  const { container, state } = await settledByName(containers, name)
  if (state.status === 'exited') return state.exitCode
  for (let current = state; ;) {
    const exited = Promise.withResolvers<number>()
    using client = await connectMonitor(containers.runDirectory(container.id), { exit: exited.resolve })
    if (client !== undefined) {
      const stop = (): void => exited.reject(context.signal.reason)
      context.signal.addEventListener('abort', stop, { once: true })
      const answer = client.ask({ op: 'wait' }).then((reply) => Number(reply['exitCode']))
      return await Promise.race([exited.promise, answer])
    }
    // Created and not started, or its monitor has just gone.
    await delay(pollMs, undefined, { signal: context.signal })
    current = await readState(containers.directory(container.id))
    if (current.status === 'exited') return current.exitCode
    if (isLive(current)) await settledByName(containers, container.id)
  }
}

const pollMs = 50
