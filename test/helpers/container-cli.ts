import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { cgroups } from './cgroups.ts'
import { startRegistry } from './registry.ts'
import { openCli, standIns } from './tsbuild.ts'
import type { Cli } from './tsbuild.ts'

/** Where the set-up's small image is found: busybox, a shell, users. */
export const image = 'debian:bookworm'

/** A command line whose store has the small image, on this machine or on one of its own. */
export async function openContainerCli(prefix: readonly string[] = []): Promise<Cli> {
  await using hub = await startRegistry({ seed: standIns })
  const cli = openCli({ hub: hub.origin, prefix })
  const { status, stderr } = await cli.run(['pull', '-q', image], { prefix: [] })
  if (status !== 0) throw new Error(stderr)
  return cli
}

/** Waits until `holds` gives something; what it gave last is the message of the failure. */
export async function until<T>(what: string, holds: () => Promise<T | undefined | false>, ms = 60_000): Promise<T> {
  for (const end = Date.now() + ms; ;) {
    const value = await holds()
    if (value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error(`Never happened: ${what}`)
    await sleep(50)
  }
}

/** One value of `inspect`. */
export async function inspected(cli: Cli, name: string, format: string): Promise<string> {
  return (await cli.ok('inspect', '-f', format, name)).trim()
}

/** Pid of a container's monitor: the parent of its first process. */
export async function monitorOf(cli: Cli, name: string): Promise<number> {
  const pid = await inspected(cli, name, '{{.State.Pid}}')
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** What the kernel still has of containers of a store: their cgroups. */
export function kernelLeftovers(ids: readonly string[]): readonly string[] {
  return cgroups(4).filter((path) => ids.some((id) => path.includes(id)))
}
