import { TsbuildError } from '../base/errors.ts'
import { contains, formatIp, formatRange, parseIp, parseRange } from '../network/ip-range.ts'
import { defaultGateway } from '../network/network-plan.ts'
import type { Network } from '../network/network-records.ts'
import { recordNetworkEvent } from './network-events.ts'
import type { Engine } from './engine.ts'

export interface NetworkCreateRequest {
  readonly name: string
  readonly driver: string
  /** CIDR; gateways and ranges belong to the subnet that contains them. */
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  readonly ranges: readonly string[]
  readonly internal: boolean
  readonly ipv6: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

/** Makes a network. NETWORK_EXISTS, NETWORK_INVALID, NETWORK_POOL_EMPTY, USAGE for malformed addresses. */
export function networkCreate(engine: Engine, request: NetworkCreateRequest): Network {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(request.name)) {
    throw new TsbuildError('NETWORK_INVALID', `invalid network name "${request.name}"`, {
      hint: 'Names have letters, digits, "_", "." and "-", and start with a letter or digit',
    })
  }
  if (request.driver !== 'bridge') {
    throw new TsbuildError('NETWORK_INVALID', `could not find a network driver named "${request.driver}"`, {
      hint: 'The driver is "bridge"',
    })
  }
  const { name, internal, labels, options } = request
  const subnets = subnetsOf(request)
  const ipv6 = request.ipv6 || subnets.some(({ subnet }) => subnet.includes(':'))
  const network = engine.networks.create({ name, driver: 'bridge', internal, labels, options, ipv6, subnets })
  recordNetworkEvent(engine, network, 'create')
  return network
}

function subnetsOf(request: NetworkCreateRequest): { subnet: string; gateway: string; range?: string }[] {
  const given = request.subnets.map((text) => {
    const range = parseRange(text)
    if (range === undefined) throw usage('--subnet', text, 'expected an address with prefix length such as 10.5.0.0/16')
    return range
  })
  if (request.ipv6 && !given.some(({ bits }) => bits === 128)) given.push(uniqueLocal())
  const owner = (flag: string, text: string): number => {
    const at = given.findIndex((range) => {
      const ip = parseIp(text.split('/')[0] ?? '')
      return ip !== undefined && contains(range, ip)
    })
    if (at < 0) throw usage(flag, text, 'no --subnet contains it')
    return at
  }
  const gateways = new Map(request.gateways.map((text) => [owner('--gateway', text), formatIp(parseIp(text)!)]))
  const ranges = new Map(
    request.ranges.map((text) => {
      const range = parseRange(text)
      if (range === undefined) throw usage('--ip-range', text, 'expected an address with prefix length')
      return [owner('--ip-range', text), formatRange(range)]
    }),
  )
  return given.map((range, index) => {
    const subnet = formatRange(range)
    const part = ranges.get(index)
    return {
      subnet,
      gateway: gateways.get(index) ?? defaultGateway(subnet),
      ...(part === undefined ? {} : { range: part }),
    }
  })
}

/** A random unique local network, RFC 4193. */
function uniqueLocal() {
  const random = BigInt(`0x${crypto.randomUUID().replaceAll('-', '').slice(0, 14)}`)
  return { bits: 128 as const, first: ((0xfdn << 56n) | random) << 64n, prefix: 64 }
}

function usage(flag: string, text: string, why: string): TsbuildError {
  return new TsbuildError('USAGE', `invalid value "${text}" for ${flag}: ${why}`)
}
