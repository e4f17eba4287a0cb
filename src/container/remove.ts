import { TsbuildError } from '../base/errors.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container-records.ts'
import { isLive } from './container-state.ts'
import { destroyContainer } from './destroy.ts'
import { claimContainer, settle } from './settle.ts'

export interface RemoveOptions {
  /** Kill it first when it runs. */
  readonly force: boolean
  /** Anonymous volumes that no other container uses go too. */
  readonly volumes: boolean
  readonly signal?: AbortSignal
}

/** Removes a container with everything that belongs to it. CONTAINER_RUNNING for one that runs, without force. */
export async function removeContainer(
  containers: Containers,
  container: Container,
  options: RemoveOptions,
): Promise<void> {
  using _claim = await claimContainer(containers, container.id, options.signal)
  const settled = await settle(containers, container, { held: true, keep: true })
  if (settled === undefined) return
  if (isLive(settled.state) && !options.force) throw stillRunning(settled.container, settled.state.status)
  await destroyContainer(containers, settled.container, options.volumes)
}

function stillRunning(container: Container, status: string): TsbuildError {
  const state = status === 'paused' ? 'is paused and must be unpaused first' : `is ${status}`
  return new TsbuildError(
    'CONTAINER_RUNNING',
    `cannot remove container "${container.name}": container ${state}: stop the container before removing or force remove`,
    { hint: `tsbuild stop ${container.name}, or tsbuild rm -f ${container.name}` },
  )
}
