import type { Limits } from './resources.ts'

const members: Readonly<Record<string, readonly (keyof Limits)[]>> = {
  memory: ['memory', 'memorySwap', 'memoryReservation', 'memorySwappiness', 'oomKillDisable'],
  cpu: ['nanoCpus', 'cpuShares', 'cpuQuota', 'cpuPeriod', 'cpuRealtimeRuntime', 'cpuRealtimePeriod'],
  cpuset: ['cpusetCpus', 'cpusetMems'],
  pids: ['pids'],
  blkio: ['blkioWeight', 'blkioWeightDevice', 'deviceReadBps', 'deviceWriteBps', 'deviceReadIops', 'deviceWriteIops'],
}

export interface PossibleLimits {
  readonly limits: Limits
  /** Controllers that are missing for what was left out. */
  readonly missing: readonly string[]
}

/** Whether these limits need a cgroup at all: without them nobody has to look for its controllers. */
export function hasLimits(limits: Limits): boolean {
  return Object.values(members).some((names) => names.some((name) => isSet(limits[name])))
}

/**
 * The limits that can be held where there are only these cgroup controllers (v2's `io` is v1's `blkio`). What cannot is left out, as docker
 * does it: the same command works on a machine that delegates nothing.
 */
export function possibleLimits(limits: Limits, controllers: readonly string[]): PossibleLimits {
  const has = (name: string): boolean => controllers.includes(name) || (name === 'blkio' && controllers.includes('io'))
  const missing = Object.keys(members).filter(
    (controller) => !has(controller) && members[controller]!.some((name) => isSet(limits[name])),
  )
  const lost = new Set<string>(missing.flatMap((controller) => members[controller]!))
  return { limits: Object.fromEntries(Object.entries(limits).filter(([name]) => !lost.has(name))), missing }
}

function isSet(value: Limits[keyof Limits]): boolean {
  if (Array.isArray(value)) return value.length > 0
  return value !== undefined && value !== 0 && value !== '' && value !== false && value !== -1
}
