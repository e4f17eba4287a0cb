import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hasCode, hasErrno } from '../base/errors.ts'
import type { Containers } from './containers.ts'
import { askForEnd, connectMonitor } from './monitor-client.ts'

/**
 * True while a monitor is at work for the container: it serves its socket, or holds its lock, as it does from before the container is made until
 * nothing of it is left. The kernel frees both with the process, so a reused pid cannot fool us.
 */
export async function isMonitorAlive(containers: Containers, id: string): Promise<boolean> {
  using client = await connectMonitor(containers.runDirectory(id))
  return client !== undefined || (await holdsLock(containers, id))
}

/** Waits until the monitor has taken back network and mounts and is gone. */
export async function monitorGone(containers: Containers, id: string, signal?: AbortSignal): Promise<void> {
  for (let pause = 1; await isMonitorAlive(containers, id); pause = Math.min(pause * 2, 50)) {
    await delay(pause, undefined, signal === undefined ? {} : { signal })
  }
}

/** Kills the container, if there is one, and waits for the end of its monitor: also of one that is only just starting it. */
export async function endMonitor(containers: Containers, id: string): Promise<void> {
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    using client = await connectMonitor(containers.runDirectory(id))
    if (client !== undefined) await killQuietly(client)
    if (client === undefined && !(await holdsLock(containers, id))) return
    await delay(pause)
  }
}

async function killQuietly(client: NonNullable<Awaited<ReturnType<typeof connectMonitor>>>): Promise<void> {
  try {
    await askForEnd(client, { op: 'stop', timeoutMs: 0, signal: 9 })
  } catch (error) {
    // It has ended by itself, or does not run yet.
    if (!hasCode(error, 'CONTAINER_STOPPED')) throw error
  }
}

/** The core looks, because Node has no flock. Only asked where no socket is served: a normal end removes the directory soon after. */
async function holdsLock({ native, runDirectory }: Containers, id: string): Promise<boolean> {
  let file
  try {
    file = openSync(join(runDirectory(id), 'monitor.lock'), 'r')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
  try {
    const answer = await native.call('lock', { fd: 5, mode: 'shared', wait: false }, { fds: [file] })
    return answer['locked'] === false
  } finally {
    closeSync(file)
  }
}
