import { signalNumber } from '../base/signals.ts'
import { TsbuildError, hasCode } from '../base/errors.ts'
import { recordEvent, recordTransitions } from './container-events.ts'
import type { Container } from './container-records.ts'
import { isLive, readState } from './container-state.ts'
import type { ContainerState } from './container-state.ts'
import type { Containers } from './containers.ts'
import { askForEnd, connectMonitor } from './monitor-client.ts'
import type { MonitorClient } from './monitor-client.ts'
import { monitorGone } from './monitor-life.ts'
import { defaultStopTimeout, milliseconds } from './monitor-plan.ts'
import { claimContainer, settle } from './settle.ts'
import { startClaimed } from './start.ts'
import { markStopped } from './stop-mark.ts'

const sigkill = 9

export interface StopOptions {
  /** Seconds until SIGKILL; -1 waits for ever. Absent: the container's own, else 10. */
  readonly timeout?: number
  readonly stopSignal?: string
  readonly signal: AbortSignal
}

/** Ends a container: its stop signal, then SIGKILL after the grace. One that does not run is left as it is. */
export async function stopContainer(containers: Containers, container: Container, options: StopOptions): Promise<void> {
  using _claim = await claimContainer(containers, container.id, options.signal)
  await stopClaimed(containers, container, options)
  const settled = await settle(containers, container, { held: true })
  if (settled !== undefined) markStopped(containers, container.id)
}

/** As `stopContainer`, for a caller that has the claim; one with `--rm` stays. */
export async function stopClaimed(containers: Containers, container: Container, options: StopOptions): Promise<void> {
  const { spec } = container
  const stopSignal = signalNumber(options.stopSignal ?? spec.stopSignal ?? 'SIGTERM')
  const seconds = options.timeout ?? spec.stopTimeout ?? defaultStopTimeout
  const settled = await settle(containers, container, { held: true, keep: true })
  if (settled === undefined || !isLive(settled.state)) return
  using client = await connectMonitor(containers.runDirectory(container.id))
  const stop = { op: 'stop', timeoutMs: milliseconds(seconds), signal: stopSignal }
  const first = seconds === 0 ? sigkill : stopSignal
  recordEvent(containers, container, 'kill', { signal: String(first) })
  if (client !== undefined) await askForEnd(client, stop)
  await monitorGone(containers, container.id, options.signal)
  const ended = readState(containers.directory(container.id))
  if (ended.signal === sigkill && first !== sigkill && ended.finishedAt !== null)
    recordEvent(containers, container, 'kill', { signal: String(sigkill) }, Date.parse(ended.finishedAt))
  await recordTransitions(containers, container)
  recordEvent(containers, container, 'stop')
}

/** Stops a container where it runs, and starts it; nobody else gets hold of it in between. */
export async function restartContainer(
  containers: Containers,
  container: Container,
  options: StopOptions,
): Promise<void> {
  using _claim = await claimContainer(containers, container.id, options.signal)
  await stopClaimed(containers, container, options)
  await startClaimed(containers, container, { signal: options.signal })
  recordEvent(containers, container, 'restart')
}

/** Sends a signal to the init process. CONTAINER_STOPPED. Returns at once; a container that it ends settles by itself. */
export async function killContainer(containers: Containers, container: Container, signal: string): Promise<void> {
  const number = signalNumber(signal)
  using client = await runningMonitor(containers, container, 'kill')
  try {
    await client.ask({ op: 'kill', signal: number })
  } catch (error) {
    // It ended by itself just now.
    throw hasCode(error, 'CONTAINER_UNREACHABLE') ? notRunning(container, 'kill') : error
  }
  markStopped(containers, container.id)
  recordEvent(containers, container, 'kill', { signal: String(number) })
  if (number === sigkill && container.spec.restart.policy === 'no') {
    await monitorGone(containers, container.id)
  }
}

/** Freezes all processes. CONTAINER_STOPPED, CONTAINER_CONFLICT when it is paused already. */
export async function pauseContainer(containers: Containers, container: Container): Promise<void> {
  const { status } = await liveState(containers, container, 'pause')
  if (status === 'paused') throw conflict(container, 'is already paused')
  using client = await runningMonitor(containers, container, 'pause')
  await client.ask({ op: 'pause' })
  recordEvent(containers, container, 'pause')
}

/** CONTAINER_CONFLICT when it is not paused. */
export async function unpauseContainer(containers: Containers, container: Container): Promise<void> {
  const { status } = await liveState(containers, container, 'unpause')
  if (status !== 'paused') throw conflict(container, 'is not paused')
  using client = await runningMonitor(containers, container, 'unpause')
  await client.ask({ op: 'resume' })
  recordEvent(containers, container, 'unpause')
}

/** A connection to the monitor of a container that runs. CONTAINER_STOPPED with the verb that was wanted. */
export async function runningMonitor(
  containers: Containers,
  container: Container,
  verb: string,
): Promise<MonitorClient> {
  await liveState(containers, container, verb)
  const client = await connectMonitor(containers.runDirectory(container.id))
  if (client === undefined) throw notRunning(container, verb)
  return client
}

async function liveState(containers: Containers, container: Container, verb: string): Promise<ContainerState> {
  const settled = await settle(containers, container)
  if (settled === undefined || !isLive(settled.state)) throw notRunning(container, verb)
  return settled.state
}

/** The state of a container whose process runs. CONTAINER_STOPPED; CONTAINER_CONFLICT for one that is paused or about to be started again. */
export async function runningState(
  containers: Containers,
  container: Container,
  verb: string,
): Promise<ContainerState> {
  const state = await liveState(containers, container, verb)
  if (state.status === 'running') return state
  const hint = state.status === 'paused' ? `tsbuild unpause ${container.name}` : 'Wait until it runs again'
  throw new TsbuildError('CONTAINER_CONFLICT', `cannot ${verb} container: ${container.name}: it is ${state.status}`, {
    hint,
  })
}

function notRunning(container: Container, verb: string): TsbuildError {
  return new TsbuildError(
    'CONTAINER_STOPPED',
    `cannot ${verb} container: ${container.name}: container is not running`,
    {
      hint: `tsbuild start ${container.name}`,
    },
  )
}

function conflict(container: Container, why: string): TsbuildError {
  return new TsbuildError('CONTAINER_CONFLICT', `Container ${container.name} ${why}`)
}
