import type { OciDeviceRule, OciResources } from './runtime-spec.ts'

/** Limits of a container in the units of the kernel: bytes, microseconds, shares. Absent or 0 means no limit, as docker has it. */
export interface Limits {
  readonly memory?: number
  /** Memory and swap together; -1 is unlimited swap. Absent with `memory` given: twice the memory. */
  readonly memorySwap?: number
  readonly memoryReservation?: number
  /** 0 to 100. */
  readonly memorySwappiness?: number
  readonly oomKillDisable?: boolean
  /** CPUs in units of 10⁻⁹, as docker stores `--cpus`. */
  readonly nanoCpus?: number
  readonly cpuShares?: number
  readonly cpuQuota?: number
  readonly cpuPeriod?: number
  readonly cpuRealtimeRuntime?: number
  readonly cpuRealtimePeriod?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  /** -1 is no limit. */
  readonly pids?: number
  /** 10 to 1000. */
  readonly blkioWeight?: number
  readonly blkioWeightDevice?: readonly DeviceValue[]
  readonly deviceReadBps?: readonly DeviceValue[]
  readonly deviceWriteBps?: readonly DeviceValue[]
  readonly deviceReadIops?: readonly DeviceValue[]
  readonly deviceWriteIops?: readonly DeviceValue[]
}

/** A rate or weight of one block device. */
export interface DeviceValue {
  readonly path: string
  readonly major: number
  readonly minor: number
  readonly value: number
}

const cpuPeriod = 100_000

/** The `linux.resources` that say these limits; only what is limited appears, so the result also serves `update`. */
export function ociResources(limits: Limits, devices?: readonly OciDeviceRule[]): OciResources {
  return defined({
    devices,
    memory: filled(memory(limits)),
    cpu: filled(cpu(limits)),
    pids: limits.pids === undefined || limits.pids === 0 ? undefined : { limit: limits.pids },
    blockIO: filled(blockIo(limits)),
  })
}

function memory(limits: Limits): NonNullable<OciResources['memory']> {
  const limit = positive(limits.memory)
  const swap = limits.memorySwap === undefined || limits.memorySwap === 0 ? limit && 2 * limit : limits.memorySwap
  return defined({
    limit,
    reservation: positive(limits.memoryReservation),
    swap,
    swappiness: limits.memorySwappiness,
    disableOOMKiller: limits.oomKillDisable === true ? true : undefined,
  })
}

function cpu(limits: Limits): NonNullable<OciResources['cpu']> {
  const nanoCpus = positive(limits.nanoCpus)
  return defined({
    shares: positive(limits.cpuShares),
    quota: nanoCpus === undefined ? limits.cpuQuota || undefined : Math.round((nanoCpus * cpuPeriod) / 1e9),
    period: nanoCpus === undefined ? positive(limits.cpuPeriod) : cpuPeriod,
    realtimeRuntime: positive(limits.cpuRealtimeRuntime),
    realtimePeriod: positive(limits.cpuRealtimePeriod),
    cpus: limits.cpusetCpus || undefined,
    mems: limits.cpusetMems || undefined,
  })
}

function blockIo(limits: Limits): NonNullable<OciResources['blockIO']> {
  return defined({
    weight: positive(limits.blkioWeight),
    weightDevice: rates(limits.blkioWeightDevice)?.map(({ rate, ...device }) => ({ ...device, weight: rate })),
    throttleReadBpsDevice: rates(limits.deviceReadBps),
    throttleWriteBpsDevice: rates(limits.deviceWriteBps),
    throttleReadIOPSDevice: rates(limits.deviceReadIops),
    throttleWriteIOPSDevice: rates(limits.deviceWriteIops),
  })
}

function rates(
  values: readonly DeviceValue[] | undefined,
): { major: number; minor: number; rate: number }[] | undefined {
  if (values === undefined || values.length === 0) return undefined
  return values.map(({ major, minor, value }) => ({ major, minor, rate: value }))
}

function positive(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value
}

/** Drops members that are undefined, which exactOptionalPropertyTypes tells from absent ones. */
function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}

function filled<T extends object>(section: T): T | undefined {
  return Object.keys(section).length === 0 ? undefined : section
}
