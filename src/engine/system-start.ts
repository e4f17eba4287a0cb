import type { Container } from '../container/container-records.ts'
import { isLive } from '../container/container-state.ts'
import type { ContainerState } from '../container/container-state.ts'
import { settleAll } from '../container/settle.ts'
import { startContainer } from '../container/start.ts'
import { wasStopped } from '../container/stop-mark.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface SystemStartResult {
  readonly started: readonly string[]
  readonly failed: readonly { readonly name: string; readonly error: unknown }[]
}

/** Starts what should run and does not: what a boot of the machine owes to the restart policies. */
export async function systemStart(engine: Engine, context: VerbContext): Promise<SystemStartResult> {
  const { containers } = engine
  const started: string[] = []
  const failed: { name: string; error: unknown }[] = []
  for (const { container, state } of (await settleAll(containers)).toReversed()) {
    if (
      container.stage !== 'ready' ||
      isLive(state) ||
      !shouldRun(container, state, wasStopped(containers, container.id))
    )
      continue
    try {
      await startContainer(containers, container, { signal: context.signal })
      started.push(container.name)
    } catch (error) {
      context.signal.throwIfAborted()
      failed.push({ name: container.name, error })
    }
  }
  return { started, failed }
}

/** As dockerd decides when it starts: `always` also after a stop by hand; a container that never ran stays. */
function shouldRun({ spec }: Container, state: ContainerState, stopped: boolean): boolean {
  const { exitCode, startedAt, restartCount } = state
  if (startedAt === null) return false
  const { policy, maxRetries } = spec.restart
  switch (policy) {
    case 'always':
      return true
    case 'unless-stopped':
      return !stopped
    case 'on-failure':
      return !stopped && exitCode !== 0 && (maxRetries === 0 || restartCount < maxRetries)
    case 'no':
      return false
  }
}
