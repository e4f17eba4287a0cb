import { TsbuildError } from '../base/errors.ts'
import { contains, formatIp, formatRange, overlaps, parseIp, parseRange } from './ip-range.ts'
import type { IpRange } from './ip-range.ts'
import { defaultGateway } from './network-plan.ts'
import type { Subnet } from './network-records.ts'

/** Addresses of a new network as somebody wrote them; gateways, ranges and reserved addresses belong to the subnet that contains them. */
export interface SubnetWords {
  /** CIDR. */
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  readonly ranges: readonly string[]
  /** Addresses that no container gets, by name. */
  readonly reserved: Readonly<Record<string, string>>
}

/** The subnets that are meant, at most one of each family. NETWORK_INVALID in docker's words. */
export function subnetsFrom(words: SubnetWords): readonly Omit<Subnet, 'auto'>[] {
  const given = words.subnets.map(subnetOf)
  const attached = [...words.gateways, ...words.ranges, ...Object.values(words.reserved)]
  if (given.length === 0 && attached.length > 0)
    throw invalid('every ip-range or gateway must have a corresponding subnet')
  checkFamilies(given)
  const gateways = assigned(given, words.gateways, 'gateway')
  const ranges = assigned(given, words.ranges, 'range')
  return given.map((range, index) => {
    const subnet = formatRange(range)
    const part = ranges.get(index)
    const gateway = formatIp(parseIp(gateways.get(index) ?? defaultGateway(subnet))!)
    if (parseIp(gateway)!.value === range.first && range.prefix < range.bits - 1)
      throw invalid(
        `failed to allocate gateway (${gateway}): Address already in use`,
        'It is the address of the network itself',
      )
    const reserved = Object.entries(words.reserved).filter(
      ([, text]) => ownerOf(given, text, `no matching subnet for aux-address ${text}`) === index,
    )
    return {
      subnet,
      gateway,
      ...(part === undefined ? {} : { range: formatRange(rangeWithin(range, part)) }),
      ...(reserved.length === 0 ? {} : { reserved: Object.fromEntries(reserved) }),
    }
  })
}

function subnetOf(text: string): IpRange {
  const range = parseRange(text)
  if (range === undefined) {
    throw invalid(`invalid network config: invalid subnet ${text}: invalid CIDR block notation`, 'Such as 10.5.0.0/16')
  }
  if (parseIp(text.split('/')[0]!)?.value !== range.first) {
    throw invalid(`invalid network config: invalid subnet ${text}: it should be ${formatRange(range)}`)
  }
  return range
}

function rangeOf(text: string): IpRange {
  const range = parseRange(text)
  if (range !== undefined) return range
  throw invalid(`invalid network config: invalid ip-range ${text}: invalid CIDR block notation`)
}

function rangeWithin(subnet: IpRange, text: string): IpRange {
  const range = rangeOf(text)
  if (range.prefix >= subnet.prefix) return range
  throw invalid(
    `invalid network config: invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${formatRange(subnet)}`,
  )
}

function checkFamilies(given: readonly IpRange[]): void {
  for (const [index, range] of given.entries()) {
    const earlier = given.slice(0, index).find(({ bits }) => bits === range.bits)
    if (earlier === undefined) continue
    if (overlaps(earlier, range)) throw invalid('multiple overlapping subnet configuration is not supported')
    throw invalid(
      "bridge driver doesn't support multiple subnets",
      'One of IPv4 and one of IPv6; make a second network',
    )
  }
}

/** Each text by the number of its subnet; a subnet has one at most. */
function assigned(given: readonly IpRange[], texts: readonly string[], what: 'gateway' | 'range'): Map<number, string> {
  const owners = new Map<number, string>()
  for (const text of texts) {
    const index = ownerOf(given, text, `no matching subnet for ${what} ${text}`)
    const other = owners.get(index)
    if (other !== undefined) {
      throw invalid(
        `cannot configure multiple ${what}s (${text}, ${other}) for the same subnet (${formatRange(given[index]!)})`,
      )
    }
    owners.set(index, text)
  }
  return owners
}

function ownerOf(given: readonly IpRange[], text: string, why: string): number {
  const ip = parseIp(text.split('/')[0] ?? '')
  const index = given.findIndex((range) => ip !== undefined && contains(range, ip))
  if (index < 0) throw invalid(why)
  return index
}

function invalid(message: string, hint?: string): TsbuildError {
  return new TsbuildError('NETWORK_INVALID', message, hint === undefined ? {} : { hint })
}
