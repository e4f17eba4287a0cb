import { describe, expect, it } from 'vitest'
import { contains, formatIp, formatRange, overlaps, parseIp, parseRange } from '../../src/network/ip-range.ts'

describe('addresses', () => {
  it.for([
    ['0.0.0.0', 0n],
    ['172.17.0.1', 0xac110001n],
    ['255.255.255.255', 0xffffffffn],
    ['::', 0n],
    ['::1', 1n],
    ['fd00::1:2', (0xfd00n << 112n) | 0x10002n],
    ['::ffff:1.2.3.4', 0xffff01020304n],
    ['1:2:3:4:5:6:7:8', 0x00010002000300040005000600070008n],
  ] as const)('%s', ([text, value]) => {
    expect(parseIp(text)?.value).toBe(value)
  })

  it.for([
    ['fe80:0:0:0:0:0:0:1', 'fe80::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::', '::'],
  ] as const)('%s is written %s (RFC 5952)', ([text, want]) => {
    expect(formatIp(parseIp(text)!)).toBe(want)
  })

  it.for(['1.2.3', '1.2.3.256', 'x', ':::', 'fe80::1%eth0', ''])('refuses "%s"', (text) => {
    expect(parseIp(text)).toBeUndefined()
  })
})

describe('ranges', () => {
  it('drops host bits', () => {
    expect(formatRange(parseRange('172.17.5.9/16')!)).toBe('172.17.0.0/16')
    expect(formatRange(parseRange('fd00::5/64')!)).toBe('fd00::/64')
  })

  it.for(['1.2.3.4', '1.2.3.4/33', 'fd00::/129', '1.2.3.4/8/8', '1.2.3.4/'])('refuses %s', (text) => {
    expect(parseRange(text)).toBeUndefined()
  })

  it('knows what lies inside and what overlaps', () => {
    const range = parseRange('10.0.0.0/24')!
    expect(contains(range, parseIp('10.0.0.255')!)).toBe(true)
    expect(contains(range, parseIp('10.0.1.0')!)).toBe(false)
    expect(contains(range, parseIp('::1')!)).toBe(false)
    expect(overlaps(range, parseRange('10.0.0.128/25')!)).toBe(true)
    expect(overlaps(parseRange('10.0.0.0/8')!, range)).toBe(true)
    expect(overlaps(range, parseRange('10.0.1.0/24')!)).toBe(false)
  })
})
