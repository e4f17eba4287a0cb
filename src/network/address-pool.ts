import { TsbuildError } from '../base/errors.ts'
import { contains, formatIp, formatRange, overlaps, parseIp, parseRange, rangeSize } from './ip-range.ts'
import type { IpAddress, IpRange } from './ip-range.ts'

/** docker's default pools: /16 of 172.17 to 172.31, then /20 of 192.168. */
const pools: readonly { readonly range: string; readonly prefix: number }[] = [
  ...Array.from({ length: 15 }, (_, index) => ({ range: `172.${17 + index}.0.0/16`, prefix: 16 })),
  { range: '192.168.0.0/16', prefix: 20 },
]

/** Every network that may be given out, in order. */
function candidates(): readonly IpRange[] {
  return pools.flatMap(({ range, prefix }) => {
    const pool = parseRange(range)!
    const step = 1n << BigInt(pool.bits - prefix)
    const count = Number(rangeSize(pool) / step)
    return Array.from({ length: count }, (_, index) => ({
      bits: pool.bits,
      first: pool.first + BigInt(index) * step,
      prefix,
    }))
  })
}

/**
 * The first network of the default pools that overlaps none of `taken`. `start` turns the order, so that stores on one machine
 * whose bridges do not exist yet choose different ones. NETWORK_POOL_EMPTY.
 */
export function freeSubnet(taken: readonly IpRange[], start = 0): IpRange {
  const all = candidates()
  const turned = [...all.slice(start % all.length), ...all.slice(0, start % all.length)]
  const free = turned.find((range) => taken.every((other) => !overlaps(range, other)))
  if (free !== undefined) return free
  throw new TsbuildError('NETWORK_POOL_EMPTY', 'All predefined address pools have been fully subnetted', {
    hint: 'Remove networks that are not used with "tsbuild network prune", or name one with --subnet',
  })
}

export interface AddressRequest {
  readonly subnet: IpRange
  /** Addresses are given out of this part only; absent: the whole subnet. */
  readonly range?: IpRange
  readonly gateway: string
  readonly taken: ReadonlySet<string>
  /** One that is asked for. */
  readonly wanted?: string
}

/** A free address of a subnet: neither the network's own, nor its broadcast, nor the gateway. ADDRESS_TAKEN, NETWORK_POOL_EMPTY, USAGE when it does not belong to it. */
export function freeAddress({ subnet, range = subnet, gateway, taken, wanted }: AddressRequest): string {
  if (wanted !== undefined) return checkWanted(wanted, { subnet, gateway, taken })
  const isIpv4 = subnet.bits === 32
  const last = subnet.first + rangeSize(subnet) - 1n
  const end = range.first + rangeSize(range)
  for (let value = range.first; value < end; value += 1n) {
    if (value === subnet.first || (isIpv4 && value === last)) continue
    const text = formatIp({ bits: subnet.bits, value })
    if (text !== gateway && !taken.has(text)) return text
  }
  throw new TsbuildError('NETWORK_POOL_EMPTY', `No free address is left in ${formatRange(range)}`, {
    hint: 'Remove containers, or use a network with a larger subnet',
  })
}

function checkWanted(wanted: string, { subnet, gateway, taken }: Omit<AddressRequest, 'wanted'>): string {
  const ip = parseIp(wanted)
  if (ip === undefined || !contains(subnet, ip)) {
    throw new TsbuildError('USAGE', `Invalid address ${wanted}: it does not belong to any of this network's subnets`, {
      hint: `The subnet is ${formatRange(subnet)}`,
    })
  }
  const text = formatIp(ip)
  if (text !== gateway && !taken.has(text)) return text
  throw new TsbuildError('ADDRESS_TAKEN', `Address already in use: ${wanted}`, {
    hint: 'Leave --ip out for a free one',
  })
}

/** The first usable address. */
export function firstAddress(subnet: IpRange): string {
  return formatIp({ bits: subnet.bits, value: subnet.first + 1n })
}

/** A hardware address of docker's form: local, and by the IPv4 address, so that a reused address keeps its hardware address too. */
export function macOf(ip: IpAddress): string {
  const bytes = [24n, 16n, 8n, 0n].map((shift) => Number((ip.value >> shift) & 255n))
  return ['02', '42', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}
