import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import {
  formatPlatform,
  parsePlatform,
  platformDistance,
  platformOfMachine,
  selectPlatform,
} from '../../src/oci/platform.ts'

const amd64 = platformOfMachine('x64')

describe('parsePlatform', () => {
  it.for([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['LINUX/AMD64', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/v9', 'linux/arm64/v9'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['arm64', 'linux/arm64'],
    ['linux', 'linux/amd64'],
    ['windows', 'windows/amd64'],
    ['macos/arm64', 'darwin/arm64'],
    ['linux/i386', 'linux/386'],
    ['linux/riscv64', 'linux/riscv64'],
  ] as const)('%s is %s', ([text, want]) => {
    expect(formatPlatform(parsePlatform(text, amd64))).toBe(want)
  })

  it.for(['', 'solar', 'linux/', 'linux/arm/v7/x', 'linux/a b', '/amd64'])('refuses "%s"', (text) => {
    expect(() => parsePlatform(text, amd64)).toThrow(expect.objectContaining({ code: 'PLATFORM_INVALID' }))
    expect(() => parsePlatform(text, amd64)).toThrow(TsbuildError)
  })
})

describe('platformDistance', () => {
  it.for([
    ['linux/amd64', 'linux/amd64', 0],
    ['linux/amd64', 'linux/386', 1],
    ['linux/amd64/v3', 'linux/amd64/v2', 1],
    ['linux/amd64/v3', 'linux/amd64', 2],
    ['linux/amd64', 'linux/amd64/v2', undefined],
    ['linux/arm64', 'linux/arm/v7', 2],
    ['linux/arm/v7', 'linux/arm/v6', 1],
    ['linux/arm/v6', 'linux/arm/v7', undefined],
    ['linux/arm/v7', 'linux/arm64', undefined],
    ['linux/amd64', 'windows/amd64', undefined],
    ['linux/386', 'linux/amd64', undefined],
    ['linux/s390x', 'linux/s390x', 0],
  ] as const)('%s runs %s at %s', ([want, have, distance]) => {
    expect(platformDistance(parsePlatform(want, amd64), parsePlatform(have, amd64))).toBe(distance)
  })
})

describe('selectPlatform', () => {
  const entry = (platform: string | undefined, hex: string) => ({
    mediaType: mediaTypes.ociManifest,
    digest: parseDigest(`sha256:${hex.repeat(64)}`),
    size: 1,
    ...(platform === undefined ? {} : { platform: parsePlatform(platform, amd64) }),
  })
  const entries = [
    entry(undefined, '0'),
    entry('linux/386', '1'),
    entry('linux/arm/v6', '2'),
    entry('linux/arm/v7', '3'),
    entry('linux/amd64', '4'),
    entry('linux/amd64', '5'),
    { ...entry('linux/amd64', '6'), platform: { os: 'unknown', architecture: 'unknown' } },
  ]

  it('takes the nearest, the first of equals', () => {
    expect(selectPlatform(entries, amd64)).toBe(entries[4])
    expect(selectPlatform(entries, parsePlatform('linux/arm64', amd64))).toBe(entries[3])
    expect(selectPlatform(entries.slice(0, 2), amd64)).toBe(entries[1])
  })

  it('never takes attestations or entries without platform', () => {
    expect(selectPlatform([...entries.slice(0, 1), ...entries.slice(6)], amd64)).toBeUndefined()
  })
})
