import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Containers } from './containers.ts'

/** Beside the state: somebody stopped the container, so `unless-stopped` does not start it after a reboot. */
const markFile = 'stopped'

export function markStopped(containers: Containers, id: string): void {
  writeFileSync(join(containers.directory(id), markFile), '')
}

export function clearStopped(containers: Containers, id: string): void {
  rmSync(join(containers.directory(id), markFile), { force: true })
}

export function wasStopped(containers: Containers, id: string): boolean {
  return existsSync(join(containers.directory(id), markFile))
}
