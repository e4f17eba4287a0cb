import { recordEvent } from '../container/container-events.ts'
import { TsbuildError } from '../base/errors.ts'
import type { RestartPolicy } from '../container/container-spec.ts'
import { isLive } from '../container/container-state.ts'
import { connectMonitor } from '../container/monitor-client.ts'
import { claimedByName } from '../container/settle.ts'
import { ociResources } from '../runtime/resources.ts'
import type { Limits } from '../runtime/resources.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface UpdateRequest {
  readonly name: string
  /** Only what is to change. */
  readonly limits: Limits
  readonly restart?: RestartPolicy
}

/** Changes limits and restart policy, of a running container at once. CONTAINER_NOT_FOUND, CGROUP_FAILED (nothing is changed then), USAGE for `--rm` with a restart policy. */
export async function update(engine: Engine, request: UpdateRequest, context: VerbContext): Promise<void> {
  const { containers } = engine
  using claimed = await claimedByName(containers, request.name, context.signal)
  const { container, state } = claimed
  const { spec } = container
  if (spec.autoRemove && request.restart !== undefined && request.restart.policy !== 'no') {
    throw new TsbuildError('USAGE', `Restart policy cannot be updated because AutoRemove is enabled for the container`)
  }
  if (isLive(state)) {
    using client = await connectMonitor(containers.runDirectory(container.id))
    await client?.ask({
      op: 'update',
      resources: ociResources(request.limits),
      ...(request.restart === undefined ? {} : { restart: request.restart }),
    })
  }
  const changed = { ...spec, limits: { ...spec.limits, ...request.limits }, restart: request.restart ?? spec.restart }
  containers.records.save(container.id, { spec: changed, mounts: container.mounts })
  recordEvent(containers, container, 'update')
}
