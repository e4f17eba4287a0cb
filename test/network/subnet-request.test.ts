import { describe, expect, it } from 'vitest'
import { subnetsFrom } from '../../src/network/subnet-request.ts'
import type { SubnetWords } from '../../src/network/subnet-request.ts'

const words = (more: Partial<SubnetWords>): SubnetWords => ({
  subnets: [],
  gateways: [],
  ranges: [],
  reserved: {},
  ...more,
})

describe('subnets', () => {
  it('get what lies in them', () => {
    expect(
      subnetsFrom(
        words({
          subnets: ['fd05::/64', '10.5.0.0/16'],
          gateways: ['10.5.9.1', 'fd05::9'],
          ranges: ['10.5.4.0/24'],
          reserved: { r: '10.5.4.1', s: 'fd05::7' },
        }),
      ),
    ).toEqual([
      { subnet: 'fd05::/64', gateway: 'fd05::9', reserved: { s: 'fd05::7' } },
      { subnet: '10.5.0.0/16', gateway: '10.5.9.1', range: '10.5.4.0/24', reserved: { r: '10.5.4.1' } },
    ])
  })

  it('have the first address as gateway', () => {
    expect(subnetsFrom(words({ subnets: ['10.5.0.0/16'] }))).toEqual([{ subnet: '10.5.0.0/16', gateway: '10.5.0.1' }])
    expect(subnetsFrom(words({}))).toEqual([])
  })

  it.for([
    [{ subnets: ['10.6.0.5/16'] }, 'invalid network config: invalid subnet 10.6.0.5/16: it should be 10.6.0.0/16'],
    [
      { subnets: ['10.6.0.0/30'], ranges: ['10.6.0.0/24'] },
      'invalid network config: invalid ip-range 10.6.0.0/24: CIDR block is bigger than its parent subnet 10.6.0.0/30',
    ],
    [
      { subnets: ['10.6.0.0/24'], gateways: ['10.6.0.0'] },
      'failed to allocate gateway (10.6.0.0): Address already in use',
    ],
    [{ subnets: ['nonsense'] }, 'invalid network config: invalid subnet nonsense: invalid CIDR block notation'],
    [{ gateways: ['10.6.0.1'] }, 'every ip-range or gateway must have a corresponding subnet'],
    [{ subnets: ['10.6.0.0/16'], gateways: ['10.7.0.1'] }, 'no matching subnet for gateway 10.7.0.1'],
    [{ subnets: ['10.6.0.0/16'], gateways: ['x'] }, 'no matching subnet for gateway x'],
    [{ subnets: ['10.6.0.0/16'], ranges: ['10.8.0.0/24'] }, 'no matching subnet for range 10.8.0.0/24'],
    [
      { subnets: ['10.6.0.0/16'], ranges: ['10.6.0.0'] },
      'invalid network config: invalid ip-range 10.6.0.0: invalid CIDR block notation',
    ],
    [{ subnets: ['10.6.0.0/16'], reserved: { a: '10.8.0.1' } }, 'no matching subnet for aux-address 10.8.0.1'],
    [{ subnets: ['10.6.0.0/16', '10.7.0.0/16'] }, "bridge driver doesn't support multiple subnets"],
    [{ subnets: ['10.6.0.0/16', '10.6.1.0/24'] }, 'multiple overlapping subnet configuration is not supported'],
    [
      { subnets: ['10.6.0.0/16'], gateways: ['10.6.0.1', '10.6.0.2'] },
      'cannot configure multiple gateways (10.6.0.2, 10.6.0.1) for the same subnet (10.6.0.0/16)',
    ],
  ] as const)('%j: %s', ([more, message]) => {
    expect(() => subnetsFrom(words(more))).toThrow(expect.objectContaining({ code: 'NETWORK_INVALID', message }))
  })
})
