import { isIPv4, isIPv6 } from 'node:net'

/** An IP address as a number, with the size of its family. */
export interface IpAddress {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** A network in CIDR form; the host bits of `first` are zero. */
export interface IpRange {
  readonly bits: 32 | 128
  readonly first: bigint
  readonly prefix: number
}

/** Undefined for what is no IP address. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { bits: 32, value: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n) }
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head = '', tail] = embeddedAsGroups(text).split('::')
  const groups = (part: string | undefined): string[] => (part === undefined || part === '' ? [] : part.split(':'))
  const front = groups(head)
  const back = groups(tail)
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - front.length - back.length }, () => '0')
  return {
    bits: 128,
    value: [...front, ...zeros, ...back].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n),
  }
}

/** `a.b.c.d/n` or the IPv6 form; host bits are dropped. Undefined when malformed. */
export function parseRange(text: string): IpRange | undefined {
  const [address = '', length = '', rest] = text.split('/')
  const ip = parseIp(address)
  const prefix = Number(length)
  if (ip === undefined || rest !== undefined || !/^\d{1,3}$/.test(length) || prefix > ip.bits) return undefined
  return { bits: ip.bits, first: ip.value - (ip.value % sizeOf(ip.bits, prefix)), prefix }
}

export function formatIp({ bits, value }: IpAddress): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  return shortest(groups)
}

export function formatRange({ bits, first, prefix }: IpRange): string {
  return `${formatIp({ bits, value: first })}/${prefix}`
}

/** Number of addresses. */
export function rangeSize({ bits, prefix }: IpRange): bigint {
  return sizeOf(bits, prefix)
}

export function contains(range: IpRange, { bits, value }: IpAddress): boolean {
  return bits === range.bits && value >= range.first && value < range.first + rangeSize(range)
}

export function overlaps(a: IpRange, b: IpRange): boolean {
  return a.bits === b.bits && a.first < b.first + rangeSize(b) && b.first < a.first + rangeSize(a)
}

function sizeOf(bits: number, prefix: number): bigint {
  return 1n << BigInt(bits - prefix)
}

/** `::ffff:1.2.3.4` with the last part as two groups. */
function embeddedAsGroups(text: string): string {
  const match = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (match === null) return text
  const value = parseIp(match[2] ?? '')?.value ?? 0n
  return `${match[1]}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`
}

/** RFC 5952: the longest run of two or more zero groups becomes `::`. */
function shortest(groups: readonly string[]): string {
  let [best, length] = [-1, 1]
  for (let at = 0; at < groups.length; at += 1) {
    let end = at
    while (groups[end] === '0') end += 1
    if (end - at > length) [best, length] = [at, end - at]
  }
  if (best < 0) return groups.join(':')
  return `${groups.slice(0, best).join(':')}::${groups.slice(best + length).join(':')}`
}
