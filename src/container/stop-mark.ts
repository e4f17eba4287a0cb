import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../base/errors.ts'
import type { Containers } from './containers.ts'

/** Beside the state: somebody stopped the container, so `unless-stopped` does not start it after a reboot. */
const markFile = 'stopped'

/** Nothing is to be remembered of a container that is removed meanwhile. */
export function markStopped(containers: Pick<Containers, 'directory'>, id: string): void {
  try {
    writeFileSync(join(containers.directory(id), markFile), '')
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}

export function clearStopped(containers: Containers, id: string): void {
  rmSync(join(containers.directory(id), markFile), { force: true })
}

export function wasStopped(containers: Containers, id: string): boolean {
  return existsSync(join(containers.directory(id), markFile))
}
