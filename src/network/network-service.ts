import { randomBytes } from 'node:crypto'
import { TsbuildError } from '../base/errors.ts'
import { shortHash } from '../base/short-hash.ts'
import type { NativeCore } from '../host/native.ts'
import type { Store } from '../store/store.ts'
import { freeAddress, freeSubnet, macOf } from './address-pool.ts'
import { hostNetworks } from './host-routes.ts'
import { formatRange, overlaps, parseIp, parseRange } from './ip-range.ts'
import type { IpRange } from './ip-range.ts'
import { bridgeOptions } from './bridge-options.ts'
import { defaultGateway } from './network-plan.ts'
import { networkRecords } from './network-records.ts'
import type { Endpoint, Network, NetworkRecords, Subnet } from './network-records.ts'

export interface NewNetwork {
  readonly name: string
  readonly driver: 'bridge'
  readonly subnets: readonly Omit<Subnet, 'auto'>[]
  readonly internal: boolean
  /** False: the network has IPv6 only. */
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

export interface EndpointWish {
  readonly owner: string
  readonly interface: string
  readonly ip: string | null
  readonly ip6: string | null
  readonly mac: string | null
  readonly aliases: readonly string[]
  readonly names: readonly string[]
  /** It vanishes with this process. */
  readonly transient: boolean
}

/** Networks and who is in them. Safe with other processes at the same store. */
export interface NetworkService {
  readonly records: NetworkRecords
  /** NETWORK_EXISTS, NETWORK_INVALID (overlapping or malformed subnets), NETWORK_POOL_EMPTY. */
  create(request: NewNetwork): Network
  /** NETWORK_NOT_FOUND, ID_AMBIGUOUS. */
  get(word: string): Network
  list(): readonly Network[]
  /** NETWORK_NOT_FOUND, NETWORK_IN_USE; the predefined ones cannot be removed (NETWORK_INVALID). */
  remove(word: string): Promise<Network>
  /** Gives a place in the network. ADDRESS_TAKEN, NETWORK_POOL_EMPTY, USAGE for an address that does not belong to it. */
  attach(network: Network, wish: EndpointWish): Endpoint
}

/** The networks that always exist. */
export const predefined = ['bridge', 'host', 'none'] as const

export interface NetworkServicePlace {
  /** Interface of the default network. */
  readonly bridge: string
  /** Directory of the namespace in which the bridges are; undefined: the machine's. */
  readonly shared: string | undefined
}

export function createNetworkService(
  store: Store,
  native: NativeCore,
  { bridge: bridgeName, shared }: NetworkServicePlace,
): NetworkService {
  const { db } = store
  const records = networkRecords(db)
  // Stores beside each other start at different places, so that their default networks differ before any bridge exists.
  const start = parseInt(shortHash(bridgeName).slice(-4), 16)
  const turn = bridgeName === 'tsbuild0' ? 0 : start

  function ensurePredefined(): void {
    if (records.find('bridge') !== undefined) return
    db.transaction(() => {
      for (const name of predefined) {
        const base = { id: randomBytes(32).toString('hex'), name, createdAt: Date.now(), labels: {}, options: {} }
        const driver = name === 'none' ? 'null' : name
        records.insert({
          ...base,
          driver,
          bridge: name === 'bridge' ? bridgeName : '',
          subnets: name === 'bridge' ? [autoSubnet(bridgeName)] : [],
          internal: false,
          ipv6: false,
          masquerade: true,
          mtu: 0,
        })
      }
    })
  }

  function known(except?: string): readonly IpRange[] {
    return records
      .list()
      .filter(({ id }) => id !== except)
      .flatMap(({ subnets }) => subnets.map(({ subnet }) => parseRange(subnet)!))
  }

  function autoSubnet(bridge: string, except?: string): Subnet {
    const subnet = formatRange(freeSubnet([...known(except), ...hostNetworks(bridge)], turn))
    return { subnet, gateway: defaultGateway(subnet), auto: true }
  }

  /** A network of ours that nobody uses gives way when the host has got another one at its place meanwhile. */
  function settled(network: Network): Network {
    const [first] = network.subnets
    if (first?.auto !== true || first.subnet.includes(':') || records.endpointsIn(network.id).length > 0) return network
    const range = parseRange(first.subnet)!
    if (hostNetworks(network.bridge).every((other) => !overlaps(other, range))) return network
    const moved = { ...network, subnets: [autoSubnet(network.bridge, network.id), ...network.subnets.slice(1)] }
    records.save(moved)
    return moved
  }

  function get(word: string): Network {
    ensurePredefined()
    const network = records.find(word)
    if (network !== undefined) return network
    throw new TsbuildError('NETWORK_NOT_FOUND', `network ${word} not found`, {
      hint: `"tsbuild network ls" shows all networks, "tsbuild network create ${word}" makes this one`,
    })
  }

  function checkSubnets(request: NewNetwork): readonly Subnet[] {
    const taken = known()
    const given = request.subnets.map((subnet) => {
      const range = parseRange(subnet.subnet)!
      if (taken.some((other) => overlaps(other, range))) {
        throw new TsbuildError(
          'NETWORK_INVALID',
          `Pool overlaps with other one on this address space: ${subnet.subnet}`,
          {
            hint: '"tsbuild network inspect NETWORK" shows the subnets of the others',
          },
        )
      }
      return { ...subnet, auto: false }
    })
    const has = (isSix: boolean): boolean => given.some(({ subnet }) => subnet.includes(':') === isSix)
    return [
      ...(request.ipv4 && !has(false) ? [autoSubnet('')] : []),
      ...given,
      ...(request.ipv6 && !has(true) ? [uniqueLocal()] : []),
    ]
  }

  function checkBridgeName(name: string): void {
    const other = records.list().find(({ bridge }) => bridge === name)
    if (other === undefined) return
    throw new TsbuildError('NETWORK_INVALID', `the network ${other.name} has the bridge name "${name}" already`, {
      hint: 'Choose another com.docker.network.bridge.name, or leave it out',
    })
  }

  return {
    records,
    get,
    list() {
      ensurePredefined()
      return records.list()
    },
    create(request) {
      ensurePredefined()
      const id = randomBytes(32).toString('hex')
      const options = bridgeOptions(request.options)
      const bridge = options.name ?? `br-${id.slice(0, 12)}`
      return db.transaction(() => {
        checkBridgeName(bridge)
        const network: Network = {
          id,
          name: request.name,
          createdAt: Date.now(),
          driver: request.driver,
          bridge,
          subnets: checkSubnets(request),
          internal: request.internal,
          ipv6: request.ipv6,
          masquerade: options.masquerade,
          mtu: options.mtu,
          labels: request.labels,
          options: request.options,
        }
        if (records.insert(network)) return network
        throw new TsbuildError('NETWORK_EXISTS', `network with name ${request.name} already exists`, {
          hint: `Remove it with "tsbuild network rm ${request.name}", or choose another name`,
        })
      })
    },
    async remove(word) {
      const network = get(word)
      if (predefined.some((name) => name === network.name)) {
        throw new TsbuildError('NETWORK_INVALID', `${network.name} is a pre-defined network and cannot be removed`)
      }
      db.transaction(() => {
        const endpoints = records.endpointsIn(network.id)
        if (endpoints.length > 0) throw inUse(network, endpoints)
        records.remove(network.id)
      })
      const place = shared === undefined ? {} : { shared }
      await native.call('network', { op: 'bridge-remove', name: network.bridge, ...place })
      return network
    },
    attach: (network, wish) =>
      db.transaction(() => {
        const current = settled(get(network.id))
        const endpoint = endpointIn(current, records.addressesIn(current.id), wish)
        records.addEndpoint(endpoint, wish.transient ? store.lease.id : null)
        return endpoint
      }),
  }
}

function endpointIn(network: Network, taken: readonly string[], wish: EndpointWish): Endpoint {
  const give = (subnet: Subnet | undefined, wanted: string | null): string => {
    if (subnet === undefined) {
      if (wanted === null) return ''
      throw new TsbuildError(
        'USAGE',
        `Invalid address ${wanted}: the network ${network.name} has no subnet of that family`,
      )
    }
    return freeAddress({
      subnet: parseRange(subnet.subnet)!,
      gateway: subnet.gateway,
      taken: new Set([...taken, ...Object.values(subnet.reserved ?? {})]),
      ...(subnet.range === undefined ? {} : { range: parseRange(subnet.range)! }),
      ...(wanted === null ? {} : { wanted }),
    })
  }
  const [four, six] = [false, true].map((isSix) => network.subnets.find(({ subnet }) => subnet.includes(':') === isSix))
  const address = give(four, wish.ip)
  const address6 = give(six, wish.ip6)
  return {
    id: randomBytes(32).toString('hex'),
    network: network.id,
    owner: wish.owner,
    address,
    address6,
    mac: wish.mac ?? macOf(parseIp(address || address6)!),
    interface: wish.interface,
    aliases: wish.aliases,
    names: wish.names,
  }
}

/** A random unique local network, RFC 4193. */
function uniqueLocal(): Subnet {
  const random = BigInt(`0x${randomBytes(7).toString('hex')}`)
  const subnet = formatRange({ bits: 128, first: ((0xfdn << 56n) | random) << 64n, prefix: 64 })
  return { subnet, gateway: defaultGateway(subnet), auto: true }
}

function inUse(network: Network, endpoints: readonly Endpoint[]): TsbuildError {
  const names = endpoints.map(({ names: [name], owner }) => name ?? owner.slice(0, 12))
  return new TsbuildError(
    'NETWORK_IN_USE',
    `error while removing network: network ${network.name} has active endpoints (${names.join(', ')})`,
    {
      hint: `Stop the containers first: tsbuild stop ${names.join(' ')}`,
    },
  )
}
