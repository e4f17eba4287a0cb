import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno } from '../base/errors.ts'

/** What the kernel counts for a container's cgroup. Absent figures belong to controllers that the machine does not have. */
export interface CgroupFigures {
  /** Nanoseconds of CPU. */
  readonly cpu: number
  /** Bytes in use, without the page cache that can be dropped. */
  readonly memory: number
  readonly memoryLimit: number | null
  readonly processes: number
  readonly blockRead: number
  readonly blockWrite: number
}

const root = '/sys/fs/cgroup'

/** Figures of the cgroup at `path` (below the root of each hierarchy), version 2 or version 1. Zeros when it is gone. */
export async function cgroupFigures(path: string): Promise<CgroupFigures> {
  return (await isUnified()) ? await unified(join(root, path)) : await legacy(path)
}

/** Pids of every process of the cgroup. */
export async function cgroupPids(path: string): Promise<readonly number[]> {
  const places = (await isUnified())
    ? [join(root, path)]
    : [join(root, 'pids', path), join(root, 'memory', path), join(root, 'unified', path)]
  for (const place of places) {
    const pids = await pidsBelow(place)
    if (pids.length > 0) return pids
  }
  return []
}

async function pidsBelow(place: string): Promise<readonly number[]> {
  const own = numbers((await text(join(place, 'cgroup.procs'))) ?? '')
  const children = await entries(place)
  const below = await Promise.all(children.map((child) => pidsBelow(join(place, child))))
  return [...own, ...below.flat()]
}

async function entries(place: string): Promise<readonly string[]> {
  try {
    return (await readdir(place, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return []
    throw error
  }
}

async function isUnified(): Promise<boolean> {
  return (await text(join(root, 'cgroup.controllers'))) !== undefined
}

async function unified(place: string): Promise<CgroupFigures> {
  const [cpu, current, stat, max, pids, io] = await Promise.all(
    ['cpu.stat', 'memory.current', 'memory.stat', 'memory.max', 'pids.current', 'io.stat'].map((file) =>
      text(join(place, file)),
    ),
  )
  const blocks = (io ?? '').matchAll(/(rbytes|wbytes)=(\d+)/g)
  const sums = { rbytes: 0, wbytes: 0 }
  for (const [, key, value] of blocks) sums[key as keyof typeof sums] += Number(value)
  return {
    cpu: field(cpu, 'usage_usec') * 1000,
    memory: Math.max(0, Number(current ?? 0) - field(stat, 'inactive_file')),
    memoryLimit: max === undefined || max.trim() === 'max' ? null : Number(max),
    processes: Number(pids ?? 0),
    blockRead: sums.rbytes,
    blockWrite: sums.wbytes,
  }
}

/** A limit of version 1 above this is none: the kernel shows a page-rounded maximum. */
const noLimit = 2 ** 60

async function legacy(path: string): Promise<CgroupFigures> {
  const read = (controller: string, file: string): Promise<string | undefined> =>
    text(join(root, controller, path, file))
  const [usage, current, stat, limit, pids, bytes] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('memory', 'memory.usage_in_bytes'),
    read('memory', 'memory.stat'),
    read('memory', 'memory.limit_in_bytes'),
    read('pids', 'pids.current'),
    read('blkio', 'blkio.throttle.io_service_bytes'),
  ])
  const sum = (operation: string): number =>
    [...(bytes ?? '').matchAll(new RegExp(`^\\S+ ${operation} (\\d+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    )
  return {
    cpu: Number(usage ?? 0),
    memory: Math.max(0, Number(current ?? 0) - field(stat, 'total_inactive_file')),
    memoryLimit: limit === undefined || Number(limit) > noLimit ? null : Number(limit),
    processes: Number(pids ?? 0),
    blockRead: sum('Read'),
    blockWrite: sum('Write'),
  }
}

function field(stat: string | undefined, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat ?? '')?.[1] ?? 0)
}

function numbers(lines: string): readonly number[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

async function text(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ENODEV', 'EOPNOTSUPP')) return undefined
    throw error
  }
}
