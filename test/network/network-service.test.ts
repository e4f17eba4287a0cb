import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NativeCore } from '../../src/host/native.ts'
import { createNetworkService } from '../../src/network/network-service.ts'
import type { EndpointWish, NetworkService } from '../../src/network/network-service.ts'
import { openStore } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'

let root: string
let store: Store
let networks: NetworkService
const calls: object[] = []

/** Bridges are the core's; here only the asking counts. */
const core = { call: async (_verb: string, plan: object) => void calls.push(plan) } as unknown as NativeCore

beforeEach(async () => {
  calls.length = 0
  root = mkdtempSync(join(tmpdir(), 'tsbuild-network-'))
  store = await openStore(root)
  networks = createNetworkService(store, core, { bridge: 'tsb-test', shared: undefined })
})
afterEach(() => {
  store[Symbol.dispose]()
  rmSync(root, { recursive: true, force: true })
})

const request = {
  driver: 'bridge',
  subnets: [],
  internal: false,
  ipv4: true,
  ipv6: false,
  labels: {},
  options: {},
} as const
const wish = (owner: string, more: Partial<EndpointWish> = {}): EndpointWish => ({
  owner,
  interface: 'eth0',
  ip: null,
  ip6: null,
  mac: null,
  aliases: [],
  names: [owner],
  transient: false,
  ...more,
})
const lab = () =>
  networks.create({ ...request, name: 'lab', subnets: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1' }] })

describe('networks', () => {
  it('three exist without being made, and stay', async () => {
    expect(networks.list().map(({ name, driver }) => `${name} ${driver}`)).toEqual([
      'bridge bridge',
      'host host',
      'none null',
    ])
    await expect(networks.remove('bridge')).rejects.toMatchObject({ code: 'NETWORK_INVALID' })
    await expect(networks.remove('nope')).rejects.toMatchObject({ code: 'NETWORK_NOT_FOUND' })
  })

  it('gets a subnet that nobody has, found by name, id and prefix', () => {
    const made = networks.create({ ...request, name: 'one' })
    expect(made.subnets).toHaveLength(1)
    expect(made.subnets[0]?.subnet).not.toBe(networks.get('bridge').subnets[0]?.subnet)
    for (const word of ['one', made.id, made.id.slice(0, 12)]) expect(networks.get(word)).toEqual(made)
  })

  it('refuses a name that is taken and a subnet that overlaps', () => {
    lab()
    expect(() => networks.create({ ...request, name: 'lab' })).toThrow(
      expect.objectContaining({ code: 'NETWORK_EXISTS' }),
    )
    const subnets = [{ subnet: '10.9.0.128/25', gateway: '10.9.0.129' }]
    expect(() => networks.create({ ...request, name: 'other', subnets })).toThrow(
      expect.objectContaining({ code: 'NETWORK_INVALID', message: expect.stringContaining('10.9.0.128/25') }),
    )
    expect(networks.list().map(({ name }) => name)).toEqual(['bridge', 'host', 'lab', 'none'])
  })
})

describe('endpoints', () => {
  it('gives addresses one after the other, and again when they are free', () => {
    const network = lab()
    expect(networks.attach(network, wish('a')).address).toBe('10.9.0.2')
    expect(networks.attach(network, wish('b')).address).toBe('10.9.0.3')
    networks.records.removeEndpoints('a')
    expect(networks.attach(network, wish('c')).address).toBe('10.9.0.2')
  })

  it('an address that is asked for is given once', () => {
    const network = lab()
    expect(networks.attach(network, wish('a', { ip: '10.9.0.77' })).mac).toBe('02:42:0a:09:00:4d')
    expect(() => networks.attach(network, wish('b', { ip: '10.9.0.77' }))).toThrow(
      expect.objectContaining({ code: 'ADDRESS_TAKEN' }),
    )
    expect(networks.records.endpointsOf('b')).toEqual([])
  })

  it('keeps the network while somebody is in it', async () => {
    const network = lab()
    networks.attach(network, wish('a'))
    await expect(networks.remove('lab')).rejects.toMatchObject({
      code: 'NETWORK_IN_USE',
      message: expect.stringContaining('(a)'),
    })
    networks.records.removeEndpoints('a')
    await networks.remove('lab')
    expect(calls).toEqual([{ op: 'bridge-remove', name: network.bridge }])
  })

  it("a build step's place goes with its process", () => {
    const network = lab()
    networks.attach(network, wish('step', { transient: true }))
    store.db.run('DELETE FROM leases')
    expect(networks.records.endpointsIn(network.id)).toEqual([])
  })

  it('a dual network gives both addresses', () => {
    const subnets = [
      { subnet: '10.9.0.0/24', gateway: '10.9.0.1' },
      { subnet: 'fd09::/64', gateway: 'fd09::1' },
    ]
    const network = networks.create({ ...request, name: 'dual', ipv6: true, subnets })
    expect(networks.attach(network, wish('a'))).toMatchObject({ address: '10.9.0.2', address6: 'fd09::2' })
  })

  it('of IPv6 alone gives those addresses, each once', () => {
    const network = networks.create({ ...request, name: 'six', ipv4: false, ipv6: true })
    expect(network.subnets.map(({ subnet }) => subnet)).toEqual([expect.stringMatching(/^fd[0-9a-f:]+::\/64$/)])
    const [a, b] = ['a', 'b'].map((owner) => networks.attach(network, wish(owner)))
    expect([a?.address, b?.address]).toEqual(['', ''])
    expect(b?.address6).not.toBe(a?.address6)
    expect(networks.records.endpointsIn(network.id)).toEqual([a, b])
  })

  it('addresses that are reserved are not given', () => {
    const subnets = [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1', reserved: { r: '10.9.0.2', s: '10.9.0.3' } }]
    const network = networks.create({ ...request, name: 'aux', subnets })
    expect(networks.attach(network, wish('a')).address).toBe('10.9.0.4')
    expect(() => networks.attach(network, wish('b', { ip: '10.9.0.2' }))).toThrow(
      expect.objectContaining({ code: 'ADDRESS_TAKEN' }),
    )
  })

  it('a bridge belongs to one network', () => {
    const options = { 'com.docker.network.bridge.name': 'mine0' }
    expect(networks.create({ ...request, name: 'one', options }).bridge).toBe('mine0')
    for (const name of ['mine0', networks.get('bridge').bridge, 'much-too-long-for-it', 'a/b', 'a b', 'x%d']) {
      expect(() =>
        networks.create({ ...request, name: 'two', options: { 'com.docker.network.bridge.name': name } }),
      ).toThrow(expect.objectContaining({ code: 'NETWORK_INVALID' }))
    }
    expect(networks.list()).toHaveLength(4)
  })
})
