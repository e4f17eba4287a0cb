import { readFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { hasErrno } from '../base/errors.ts'
import { containerCgroup } from './container-cgroup.ts'
import { containerPids } from './container-pids.ts'
import { cgroupFigures } from './cgroup-figures.ts'
import type { CgroupFigures } from './cgroup-figures.ts'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'
import { isLive, readState } from './container-state.ts'

/** Counters of a container at one moment; rates come from two of them. */
export interface StatsSample extends CgroupFigures {
  /** Milliseconds, monotonic. */
  readonly at: number
  readonly received: number
  readonly sent: number
  readonly running: boolean
}

/** What `stats` shows of one container. */
export interface StatsRow {
  readonly container: Container
  readonly running: boolean
  readonly cpuPercent: number
  readonly memory: number
  readonly memoryLimit: number
  readonly received: number
  readonly sent: number
  readonly blockRead: number
  readonly blockWrite: number
  readonly processes: number
}

const none: CgroupFigures = { cpu: 0, memory: 0, memoryLimit: null, processes: 0, blockRead: 0, blockWrite: 0 }

export async function sampleStats(containers: Containers, container: Container): Promise<StatsSample> {
  const state = readState(containers.directory(container.id))
  const at = performance.now()
  if (!isLive(state) || state.pid === 0) return { ...none, at, received: 0, sent: 0, running: false }
  const path = containerCgroup(container, state.pid)
  const [figures, traffic] = await Promise.all([cgroupFigures(path), networkTraffic(state.pid, container)])
  const pids = figures.processes > mostProcesses ? [] : await containerPids(path, state.pid)
  const processes = Math.max(figures.processes, pids.length)
  return { ...figures, ...traffic, processes, memory: await memoryOf(figures, pids), at, running: true }
}

/** 100 % is one CPU, as docker shows it. */
export function statsRow(container: Container, before: StatsSample, after: StatsSample): StatsRow {
  const elapsed = (after.at - before.at) * 1e6
  return {
    container,
    running: after.running,
    cpuPercent:
      elapsed <= 0 || after.cpu < before.cpu
        ? 0
        : Math.min(100 * availableParallelism(), (100 * (after.cpu - before.cpu)) / elapsed),
    memory: after.memory,
    memoryLimit: after.running ? Math.min(after.memoryLimit ?? totalmem(), totalmem()) : 0,
    received: after.received,
    sent: after.sent,
    blockRead: after.blockRead,
    blockWrite: after.blockWrite,
    processes: after.processes,
  }
}

/** Processes that are looked at one by one. */
const mostProcesses = 100

/**
 * The memory controller counts from when it was given the container, which without a limit is after the start, and pages stay where they were
 * first counted. What the processes have for themselves is the least that the container uses.
 */
async function memoryOf({ memory }: CgroupFigures, pids: readonly number[]): Promise<number> {
  const own = await Promise.all(pids.slice(0, mostProcesses).map(ownMemory))
  return Math.max(
    memory,
    own.reduce((sum, bytes) => sum + bytes, 0),
  )
}

async function ownMemory(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return 0
    throw error
  }
}

/** Bytes over every interface but the loopback; a container in the host's network has none of its own. */
async function networkTraffic(
  pid: number,
  container: Container,
): Promise<{ readonly received: number; readonly sent: number }> {
  if (container.spec.network.mode === 'host') return { received: 0, sent: 0 }
  let text = ''
  try {
    text = await readFile(`/proc/${pid}/net/dev`, 'utf8')
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ESRCH')) throw error
  }
  let [received, sent] = [0, 0]
  for (const line of text.split('\n').slice(2)) {
    const [name = '', figures = ''] = line.trim().split(/:\s*/)
    const columns = figures.split(/\s+/).map(Number)
    if (name === '' || name === 'lo') continue
    received += columns[0] ?? 0
    sent += columns[8] ?? 0
  }
  return { received, sent }
}
