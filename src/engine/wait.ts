import { setTimeout as delay } from 'node:timers/promises'
import { hasCode } from '../base/errors.ts'
import { connectMonitor } from '../container/monitor-client.ts'
import { settledByName } from '../container/settle.ts'
import type { Containers } from '../container/containers.ts'
import type { Engine, VerbContext } from './engine.ts'

/** How often a container is looked at whose monitor went away without an answer. */
const pollMs = 50

/** Waits until a container ends and gives its exit code; at once for one that has ended, or never ran. CONTAINER_NOT_FOUND, also when it is removed meanwhile. */
export async function wait(engine: Engine, name: string, { signal }: VerbContext): Promise<number> {
  const { containers } = engine
  const { id } = containers.records.resolve(name)
  for (;;) {
    const { state } = await settledByName(containers, id)
    if (state.status === 'exited') return state.exitCode
    const exitCode = await askMonitor(containers, id, signal)
    if (exitCode !== undefined) return exitCode
    if (state.status === 'created') return state.exitCode
    await delay(pollMs, undefined, { signal })
  }
}

/** Undefined when there is no monitor, or it went away without an answer. */
async function askMonitor(containers: Containers, id: string, signal: AbortSignal): Promise<number | undefined> {
  using client = await connectMonitor(containers.runDirectory(id))
  if (client === undefined) return undefined
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const answer = await Promise.race([client.ask({ op: 'wait' }), aborted.promise])
    return Number(answer['exitCode'])
  } catch (error) {
    if (!hasCode(error, 'CONTAINER_UNREACHABLE')) throw error
    return undefined
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
