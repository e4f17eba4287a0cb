import { describe, expect, it } from 'vitest'
import { plan } from './harness.ts'
import type { PlanOptions } from './harness.ts'

interface Expected {
  readonly code?: string
  readonly line?: number
  readonly column?: number
  readonly diagnostic?: string
  readonly hint?: RegExp
}

describe('planning refuses', () => {
  it.for<[string, string, Expected, PlanOptions?]>([
    ['a mistake of the text', 'FROM busybox\nRUNN x', { line: 2, column: 1 }],
    ['an empty base', 'ARG B\nFROM $B', { line: 2, column: 6, diagnostic: 'BASE_INVALID' }],
    ['an unknown base', 'FROM busybox\nFROM nope', { code: 'IMAGE_NOT_FOUND', line: 2, column: 6, hint: /look/ }],
    ['an unknown image of COPY', 'FROM busybox\nCOPY --from=nope /x /', { code: 'IMAGE_NOT_FOUND', line: 2 }],
    ['an unknown platform', 'FROM --platform=foo busybox', { line: 1, column: 17, diagnostic: 'PLATFORM_INVALID' }],
    [
      'an empty platform',
      'FROM --platform=$TARGETPLATFROM busybox',
      { diagnostic: 'PLATFORM_INVALID', hint: /TARGETPLATFORM/ },
    ],
    [
      'a stage from later',
      'FROM busybox AS a\nCOPY --from=b /x /\nFROM busybox AS b',
      { line: 2, diagnostic: 'STAGE_ORDER' },
      { target: 'a' },
    ],
    ['a stage that needs itself', 'FROM busybox AS a\nCOPY --from=a /x /', { line: 2, diagnostic: 'STAGE_ORDER' }],
    [
      'a stage index beyond the end',
      'FROM busybox\nCOPY --from=7 /x /',
      { line: 2, column: 13, diagnostic: 'STAGE_UNKNOWN' },
    ],
    [
      'a variable in --from',
      'ARG X=a\nFROM busybox\nCOPY --from=$X /x /',
      { line: 3, diagnostic: 'EXPANSION_UNSUPPORTED' },
    ],
    ['a required variable', 'FROM busybox\nENV A=${B:?must_be}', { line: 2, diagnostic: 'EXPANSION_FAILED' }],
    ['a bad port', 'FROM busybox\nEXPOSE 70000', { line: 2, column: 8, diagnostic: 'PORT_INVALID' }],
    ['a RUN of nothing', 'FROM busybox\nRUN []', { line: 2, column: 5, diagnostic: 'ARGUMENTS_INVALID' }],
    ['a bad signal', 'FROM busybox\nSTOPSIGNAL FOO', { line: 2, diagnostic: 'SIGNAL_INVALID' }],
    ['a bad mode', 'FROM busybox\nCOPY --chmod=rwx a /', { line: 2, diagnostic: 'CHMOD_INVALID' }],
    ['a URL for COPY', 'FROM busybox\nCOPY http://x/y /', { line: 2, column: 6, diagnostic: 'SOURCE_INVALID' }],
    ['a checksum of a path', 'FROM busybox\nADD --checksum=sha256:00 a /', { line: 2, diagnostic: 'CHECKSUM_INVALID' }],
    [
      'a checksum that is none',
      'FROM busybox\nADD --checksum=sha256:00 http://x/a /',
      { line: 2, column: 16, diagnostic: 'CHECKSUM_INVALID' },
    ],
    [
      'a mount over the root',
      'FROM busybox\nRUN --mount=type=tmpfs,target=/ x',
      { line: 2, diagnostic: 'MOUNT_INVALID' },
    ],
    [
      'host network without permission',
      'FROM busybox\nRUN --network=host x',
      { code: 'ENTITLEMENT_MISSING', line: 2, hint: /--allow network.host/ },
    ],
    [
      'privileges without permission',
      'FROM busybox\nRUN --security=insecure x',
      { code: 'ENTITLEMENT_MISSING', line: 2, hint: /security.insecure/ },
    ],
  ])('%s', async ([, text, { code = 'DOCKERFILE_INVALID', hint, ...place }, options]) => {
    const error: unknown = await plan(text, options).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code, details: { file: 'Dockerfile', ...place } })
    if (hint !== undefined) expect((error as { hint?: string }).hint).toMatch(hint)
  })

  it('an unknown target, and names the nearest', async () => {
    await expect(plan('FROM busybox AS builder', { target: 'bilder' })).rejects.toMatchObject({
      code: 'STAGE_UNKNOWN',
      hint: 'Did you mean "builder"?',
    })
    await expect(plan('FROM busybox AS a', { target: '0' })).rejects.toMatchObject({ code: 'STAGE_UNKNOWN' })
  })

  it('does not find stages by capitals', async () => {
    await expect(plan('FROM busybox AS Base\nFROM Base')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })

  it('all mistakes of the text at once', async () => {
    await expect(plan('FROM busybox\nRUNN x\nCOPPY a b')).rejects.toMatchObject({
      hint: 'Did you mean "RUN"?',
      details: {
        line: 2,
        excerpt: 'Dockerfile:2:1\n  1 | FROM busybox\n> 2 | RUNN x\n    | ^^^^\n  3 | COPPY a b',
        others: [
          {
            code: 'INSTRUCTION_UNKNOWN',
            message: 'Unknown instruction "COPPY"',
            hint: 'Did you mean "COPY"?',
            line: 3,
            column: 1,
            excerpt: 'Dockerfile:3:1\n  2 | RUNN x\n> 3 | COPPY a b\n    | ^^^^^',
          },
        ],
      },
    })
  })

  it('and shows the line', async () => {
    const error = (await plan('FROM busybox\nEXPOSE 70000').catch((caught: unknown) => caught)) as {
      details: { excerpt: string }
    }
    expect(error.details.excerpt).toBe(
      ['Dockerfile:2:8', '  1 | FROM busybox', '> 2 | EXPOSE 70000', '    |        ^^^^^'].join('\n'),
    )
  })
})
