import { readdir, readFile, readlink } from 'node:fs/promises'
import { cgroupPids } from './cgroup-figures.ts'

/** Pids of a container's processes: those of its cgroup, or, without one of its own, as an unprivileged user's have it, what its first process has brought forth or is in its pid namespace. */
export async function containerPids(cgroup: string, init: number): Promise<readonly number[]> {
  const pids = await cgroupPids(cgroup)
  return pids.length > 0 ? pids : await relatedTo(init)
}

async function relatedTo(init: number): Promise<readonly number[]> {
  const namespace = await pidNamespace(init)
  // A container with the host's pid namespace has only its descendants.
  const shared = namespace === undefined || namespace === (await pidNamespace('self'))
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const parents = new Map(await Promise.all(all.map(async (pid) => [pid, await parentOf(pid)] as const)))
  const descends = (pid: number): boolean => {
    for (let at = pid; at > 0; at = parents.get(at) ?? 0) if (at === init) return true
    return false
  }
  const found = await Promise.all(
    all.map(async (pid) => descends(pid) || (!shared && (await pidNamespace(pid)) === namespace)),
  )
  return all.filter((_pid, index) => found[index])
}

/** Undefined for one that is gone or not ours to look at. */
async function pidNamespace(pid: number | 'self'): Promise<string | undefined> {
  return await readlink(`/proc/${pid}/ns/pid`).catch(() => undefined)
}

/** 0 for one that is gone. */
async function parentOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1] ?? 0)
}
