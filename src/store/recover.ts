import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Removes scratch files of processes that died. Partial blobs stay: a later pull resumes them. */
export function recoverIngests(directory: string, dead: readonly number[]): void {
  if (dead.length === 0 || !existsSync(directory)) return
  for (const name of readdirSync(directory)) {
    const owner = /^scratch-(\d+)-/.exec(name)?.[1]
    if (owner !== undefined && dead.includes(Number(owner))) rmSync(join(directory, name), { force: true })
  }
}
