import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Containers } from './containers.ts'

/** Beside the state: somebody stopped the container, so `unless-stopped` does not start it after a reboot. */
const markFile = 'stopped'

export async function markStopped(containers: Containers, id: string): Promise<void> {
  await writeFile(join(containers.directory(id), markFile), '')
}

export async function clearStopped(containers: Containers, id: string): Promise<void> {
  await rm(join(containers.directory(id), markFile), { force: true })
}

export function wasStopped(containers: Containers, id: string): boolean {
  return existsSync(join(containers.directory(id), markFile))
}
