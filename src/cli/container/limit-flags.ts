import { availableParallelism } from 'node:os'
import { TsbuildError } from '../../base/errors.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import { readDeviceValue } from '../../container/flags/device-flag.ts'
import type { DeviceValue, Limits } from '../../runtime/resources.ts'
import type { Flags, Input } from '../command.ts'
import { parseFlagValue } from '../flag-value.ts'
import type { containerFlags } from './container-flags.ts'

/** The flags that `update` has too. */
export const updatableFlags = [
  'blkio-weight',
  'cpu-period',
  'cpu-quota',
  'cpu-rt-period',
  'cpu-rt-runtime',
  'cpu-shares',
  'cpus',
  'cpuset-cpus',
  'cpuset-mems',
  'memory',
  'memory-reservation',
  'memory-swap',
  'pids-limit',
] as const

/** What `--storage-opt` says: bytes that may be written into the root, undefined without bound. USAGE. */
export function readRootSize(options: readonly string[]): number | undefined {
  let size: number | undefined
  for (const option of options) {
    const at = option.indexOf('=')
    if (at < 0) throw usage(`invalid storage option: ${option}`)
    const key = option.slice(0, at)
    if (key.toLowerCase() !== 'size') throw usage(`Unknown option ${key}`, 'The option is size=BYTES')
    const bytes = parseFlagValue('"--storage-opt size"', { kind: 'bytes', help: '' }, option.slice(at + 1)) as number
    if (bytes < 0) throw usage(`invalid size: '${option.slice(at + 1)}'`)
    size = bytes === 0 ? undefined : bytes
  }
  return size
}

type LimitFlags = Pick<Input<typeof containerFlags>['flags'], (typeof updatableFlags)[number]>

/** docker's least limit: with less the kernel kills a container before its program runs. */
const leastMemory = 6 * 1024 * 1024

/** What the limit flags say that `update` can change. USAGE. */
export function readUpdatableLimits(flags: LimitFlags): Limits {
  const memory = flags.memory
  if (memory !== undefined && memory > 0 && memory < leastMemory) throw usage('Minimum memory limit allowed is 6MB')
  const swap = flags['memory-swap']
  if (swap !== undefined && swap > 0 && memory === undefined) {
    throw usage('You should always set the Memory limit when using Memoryswap limit', 'Add --memory')
  }
  if (swap !== undefined && swap > 0 && swap < (memory ?? 0)) {
    throw usage('Minimum memoryswap limit should be larger than memory limit', 'It counts memory and swap together')
  }
  const reservation = flags['memory-reservation']
  if (reservation !== undefined && memory !== undefined && memory > 0 && reservation > memory) {
    throw usage('Minimum memory limit can not be less than memory reservation limit')
  }
  if (flags.cpus !== undefined && (flags['cpu-quota'] !== undefined || flags['cpu-period'] !== undefined)) {
    throw usage('Conflicting options: --cpus and --cpu-quota or --cpu-period cannot both be set')
  }
  checkCpus(flags.cpus)
  return given({
    memory,
    memorySwap: swap,
    memoryReservation: reservation,
    nanoCpus: flags.cpus === undefined ? undefined : Math.round(flags.cpus * 1e9),
    cpuShares: flags['cpu-shares'],
    cpuQuota: flags['cpu-quota'],
    cpuPeriod: flags['cpu-period'],
    cpuRealtimeRuntime: flags['cpu-rt-runtime'],
    cpuRealtimePeriod: flags['cpu-rt-period'],
    cpusetCpus: checkedList('--cpuset-cpus', flags['cpuset-cpus']),
    cpusetMems: checkedList('--cpuset-mems', flags['cpuset-mems']),
    pids: flags['pids-limit'],
    blkioWeight: checkedWeight(flags['blkio-weight']),
  })
}

/** What all limit flags of `run` say. USAGE. */
export async function readLimits(flags: Input<typeof containerFlags>['flags']): Promise<Limits> {
  const swappiness = flags['memory-swappiness']
  if (swappiness !== undefined && (swappiness < -1 || swappiness > 100)) {
    throw usage(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`)
  }
  return {
    ...readUpdatableLimits(flags),
    ...given({
      memorySwappiness: swappiness === -1 ? undefined : swappiness,
      oomKillDisable: flags['oom-kill-disable'] ? true : undefined,
      blkioWeightDevice: await deviceValues('--blkio-weight-device', flags['blkio-weight-device'], 'integer'),
      deviceReadBps: await deviceValues('--device-read-bps', flags['device-read-bps'], 'bytes'),
      deviceWriteBps: await deviceValues('--device-write-bps', flags['device-write-bps'], 'bytes'),
      deviceReadIops: await deviceValues('--device-read-iops', flags['device-read-iops'], 'integer'),
      deviceWriteIops: await deviceValues('--device-write-iops', flags['device-write-iops'], 'integer'),
    }),
  }
}

async function deviceValues(
  flag: string,
  texts: readonly string[],
  kind: 'bytes' | 'integer',
): Promise<readonly DeviceValue[] | undefined> {
  if (texts.length === 0) return undefined
  const parse = (text: string): number =>
    Number(parseFlagValue(`Flag "${flag}"`, { kind, help: '' } satisfies Flags[string], text))
  return await Promise.all(texts.map((text) => readDeviceValue(flag, text, parse)))
}

function checkCpus(cpus: number | undefined): void {
  const most = availableParallelism()
  if (cpus === undefined || (cpus >= 0.01 && cpus <= most)) return
  throw usage(`range of CPUs is from 0.01 to ${most}.00, as there are only ${most} CPUs available`)
}

function checkedList(flag: string, text: string | undefined): string | undefined {
  if (text === undefined || text === '' || /^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return text
  throw invalidFlag(flag, text, 'expected numbers and ranges such as 0-2,4')
}

function checkedWeight(weight: number | undefined): number | undefined {
  if (weight === undefined || weight === 0 || (weight >= 10 && weight <= 1000)) return weight
  throw usage('Range of blkio weight is from 10 to 1000')
}

function given<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}

function usage(message: string, hint?: string): TsbuildError {
  return new TsbuildError('USAGE', message, hint === undefined ? {} : { hint })
}
