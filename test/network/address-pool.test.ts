import { describe, expect, it } from 'vitest'
import { freeAddress, freeSubnet, macOf } from '../../src/network/address-pool.ts'
import { formatRange, parseIp, parseRange } from '../../src/network/ip-range.ts'

const range = (text: string) => parseRange(text)!

describe('freeSubnet', () => {
  it('starts where docker does and goes on to the next that is free', () => {
    expect(formatRange(freeSubnet([]))).toBe('172.17.0.0/16')
    expect(formatRange(freeSubnet([range('172.17.0.0/16'), range('172.18.3.0/24')]))).toBe('172.19.0.0/16')
    expect(formatRange(freeSubnet([range('172.0.0.0/8')]))).toBe('192.168.0.0/20')
  })

  it('a default route is no obstacle, a host that has everything is an error', () => {
    expect(() => freeSubnet([range('172.0.0.0/8'), range('192.168.0.0/16')])).toThrow(
      expect.objectContaining({ code: 'NETWORK_POOL_EMPTY' }),
    )
  })
})

describe('freeAddress', () => {
  const request = { subnet: range('10.0.0.0/29'), gateway: '10.0.0.1', taken: new Set<string>() }

  it('gives neither the network, nor the gateway, nor the broadcast address', () => {
    const taken = new Set<string>()
    for (let count = 0; count < 5; count += 1) taken.add(freeAddress({ ...request, taken }))
    expect([...taken]).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
    expect(() => freeAddress({ ...request, taken })).toThrow(expect.objectContaining({ code: 'NETWORK_POOL_EMPTY' }))
  })

  it('stays in the range', () => {
    expect(freeAddress({ ...request, range: range('10.0.0.4/30') })).toBe('10.0.0.4')
  })

  it.for([
    ['10.0.0.5', undefined],
    ['10.0.0.1', 'ADDRESS_TAKEN'],
    ['10.0.0.3', 'ADDRESS_TAKEN'],
    ['10.0.1.5', 'USAGE'],
    ['fd00::1', 'USAGE'],
  ] as const)('%s that is asked for: %s', ([wanted, code]) => {
    const ask = (): string => freeAddress({ ...request, taken: new Set(['10.0.0.3']), wanted })
    if (code === undefined) expect(ask()).toBe(wanted)
    else expect(ask).toThrow(expect.objectContaining({ code }))
  })

  it('counts through a large IPv6 network without listing it', () => {
    const subnet = range('fd00::/64')
    expect(freeAddress({ subnet, gateway: 'fd00::1', taken: new Set(['fd00::2']) })).toBe('fd00::3')
  })
})

it('the hardware address follows from the IPv4 address', () => {
  expect(macOf(parseIp('172.17.0.2')!)).toBe('02:42:ac:11:00:02')
})
