import { describe, expect, it } from 'vitest'
import { parseChallenges } from '../../src/registry/auth/challenge.ts'
import { mergeScopes } from '../../src/registry/auth/scope.ts'
import { createBackoff, defaultRetryPolicy, formatWait, retryAfter } from '../../src/registry/transport/retry.ts'
import { formatUrl, parseUrl, withQuery } from '../../src/registry/transport/url.ts'
import { TsbuildError } from '../../src/base/errors.ts'

describe('parseChallenges', () => {
  it.for<[string, readonly object[]]>([
    ['Basic realm="x"', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    ['BASIC realm="Sonatype"', [{ scheme: 'basic', parameters: { realm: 'Sonatype' } }]],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push repository:c:pull"',
      [
        {
          scheme: 'bearer',
          parameters: { realm: 'https://a/t', service: 's', scope: 'repository:a/b:pull,push repository:c:pull' },
        },
      ],
    ],
    [
      'Basic realm="a", Bearer realm="b" , service=s',
      [
        { scheme: 'basic', parameters: { realm: 'a' } },
        { scheme: 'bearer', parameters: { realm: 'b', service: 's' } },
      ],
    ],
    [
      'Negotiate, Basic realm="a\\"b, c"',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'a"b, c' } },
      ],
    ],
    [
      'NTLM TlRMTVNTUAABAAAA==, Basic realm=x',
      [
        { scheme: 'ntlm', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'x' } },
      ],
    ],
    ['Bearer REALM = "x" , Service = y', [{ scheme: 'bearer', parameters: { realm: 'x', service: 'y' } }]],
    [
      'Bearer realm="x",error="insufficient_scope",realm="evil"',
      [{ scheme: 'bearer', parameters: { realm: 'x', error: 'insufficient_scope' } }],
    ],
    [',, Basic realm=""', [{ scheme: 'basic', parameters: { realm: '' } }]],
    ['Basic', [{ scheme: 'basic', parameters: {} }]],
    ['', []],
    ['"', []],
    ['=', []],
    ['Bearer realm="unterminated', [{ scheme: 'bearer', parameters: { realm: 'unterminated' } }]],
  ])('%s', ([header, want]) => {
    expect(parseChallenges(header)).toEqual(want)
  })

  it('costs linear time and bounded room for hostile headers', () => {
    expect(parseChallenges('a '.repeat(30_000)).length).toBeLessThanOrEqual(20)
    expect(parseChallenges(`Bearer ${'x=",'.repeat(16_000)}`).length).toBeLessThanOrEqual(20)
    expect(parseChallenges(`Basic ${'\\'.repeat(60_000)}`).length).toBeLessThanOrEqual(20)
  })
})

describe('mergeScopes', () => {
  it('joins actions by resource', () => {
    expect(mergeScopes(['repository:a:pull', 'repository:b:pull repository:a:push,pull'])).toEqual([
      'repository:a:pull,push',
      'repository:b:pull',
    ])
    expect(mergeScopes(['registry:catalog:*', ''])).toEqual(['registry:catalog:*'])
  })
})

describe('parseUrl', () => {
  const base = parseUrl('https://r.example.com/v2/a/blobs/uploads/1?x=y')

  it.for([
    ["https://h/p?a=%2F+b&c='(d)", "https://h/p?a=%2F+b&c='(d)"],
    ['https://h', 'https://h/'],
    ['https://h?x', 'https://h/?x'],
    ['https://H:443/P', 'https://h/P'],
    ['http://h:80/', 'http://h/'],
    ['https://h:5000/a/../b', 'https://h:5000/a/../b'],
    ['/v2/x?y', 'https://r.example.com/v2/x?y'],
    ['//other/x', 'https://other/x'],
    ['2?z', 'https://r.example.com/v2/a/blobs/uploads/2?z'],
    ['https://h/a#frag', 'https://h/a'],
    ['https://h/a b"<>', 'https://h/a%20b%22%3C%3E'],
    ['https://h/é', 'https://h/%C3%A9'],
    ['https://[::1]:5000/x', 'https://[::1]:5000/x'],
  ] as const)('%s', ([text, want]) => {
    expect(formatUrl(parseUrl(text, base))).toBe(want)
  })

  it.for([
    'ftp://h/x',
    'javascript:alert(1)',
    'https://user:pw@h/x',
    'https://h:99999/',
    'file:///etc/passwd',
    'https:///x',
    'x'.repeat(20_000),
  ])('refuses %s', (text) => {
    expect(() => parseUrl(text, text.startsWith('x') ? base : undefined)).toThrow(
      expect.objectContaining({ code: 'REGISTRY_PROTOCOL' }),
    )
  })

  it('adds a query behind the one that is there', () => {
    expect(formatUrl(withQuery(base, { digest: 'sha256:a', none: undefined }))).toBe(
      'https://r.example.com/v2/a/blobs/uploads/1?x=y&digest=sha256%3Aa',
    )
    expect(formatUrl(withQuery(parseUrl('https://h/p'), { a: 'b c' }))).toBe('https://h/p?a=b%20c')
    expect(formatUrl(withQuery(parseUrl('https://h/p?'), { a: 'b' }))).toBe('https://h/p?a=b')
  })
})

describe('retries', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')

  it.for<[string, number | undefined]>([
    ['5', 5000],
    ['0', 0],
    ['1.5', 1500],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    [String(now / 1000 + 30), 30_000],
    ['soon', undefined],
    ['', undefined],
    ['-5', 0],
  ])('Retry-After %s', ([value, want]) => {
    const wait = retryAfter({ headers: { 'retry-after': value } }, { now: () => now })
    if (value === '-5') expect(wait === undefined || wait >= 0).toBe(true)
    else expect(wait).toBe(want)
  })

  it('waits longer each time, with chance, and not for ever', async () => {
    const waits: number[] = []
    const backoff = createBackoff(defaultRetryPolicy, {
      now: () => now,
      random: () => 1,
      sleep: async (milliseconds) => void waits.push(milliseconds),
    })
    const lost = new TsbuildError('REGISTRY_UNREACHABLE', 'Cannot reach x', { details: { reason: 'ECONNRESET' } })
    const signal = new AbortController().signal
    while (await backoff.again(lost, signal));
    expect(waits).toEqual([300, 600, 1200, 2400])
    backoff.reset()
    expect(await backoff.again(lost, signal)).toBe(true)
    expect(await backoff.again({ status: 404, headers: {} }, signal)).toBe(false)
  })

  it('says waits in words', () => {
    expect([300, 12_000, 300_000, 7_300_000].map(formatWait)).toEqual(['0.3 s', '12 s', '5 min', '3 h'])
  })
})
