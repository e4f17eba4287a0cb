import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/base/error-codes.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { readRateLimit } from '../../src/registry/rate-limit.ts'
import { searchRepositories } from '../../src/registry/search.ts'
import { openTestImages } from '../helpers/image-store.ts'
import { testClient } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { drop, passThrough, refuse, reply, startScriptedServer } from '../helpers/registry-script.ts'
import type { Reply } from '../helpers/registry-script.ts'
import { tarImage } from '../helpers/tar-image.ts'

const signal = (): AbortSignal => AbortSignal.timeout(150_000)

describe('a pull', () => {
  it('asks by HEAD first and gets a manifest only when it is new', async () => {
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'v1', await tarImage())
    await using client = testClient()
    await using images = await openTestImages(client)
    const reference = parseReference(`${registry.host}/app:v1`)
    for (let time = 0; time < 3; time += 1) await images.images.pull(reference, images.pullOptions)
    expect(registry.count('HEAD', /manifests/)).toBe(3)
    expect(registry.count('GET', /manifests/)).toBe(1)
    expect(registry.count('GET', /blobs/)).toBe(2)
  })

  it.for<[string, Reply, ErrorCode, RegExp, RegExp]>([
    [
      'a repository that is missing or private',
      refuse(401, 'UNAUTHORIZED', 'authentication required'),
      'REGISTRY_UNAUTHORIZED',
      /authentication required/,
      /does not exist or may require a login: tsbuild login/,
    ],
    [
      'no more pulls',
      refuse(429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit', { 'retry-after': '3600' }),
      'REGISTRY_THROTTLED',
      /answered 429; it asks to wait 60 min$/,
      /Logged-in users are allowed more/,
    ],
    ['the abuse limit', reply(429), 'REGISTRY_THROTTLED', /answered 429$/, /Logged-in users/],
  ])('%s', async ([, answer, code, message, hint]) => {
    await using registry = await startFaultyRegistry()
    registry.on('HEAD', /manifests/, answer)
    registry.on('GET', /manifests/, answer)
    await using client = testClient()
    await using images = await openTestImages(client)
    const outcome = images.images.pull(parseReference(`${registry.host}/app:v1`), images.pullOptions)
    await expect(outcome).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    })
    expect(images.visible()).toEqual({ refs: [], images: 0, snapshots: 0 })
  })
})

describe('pulls that are left', () => {
  it.for<[string, Reply, object]>([
    [
      'all of it',
      reply(200, {
        'ratelimit-limit': '100;w=21600',
        'ratelimit-remaining': '97;w=21600',
        'docker-ratelimit-source': '192.0.2.1',
      }),
      { limit: 100, remaining: 97, window: 21_600, source: '192.0.2.1' },
    ],
    ['no limit', reply(200), { limit: undefined, remaining: undefined, window: undefined, source: undefined }],
    ['none left', reply(429, { 'ratelimit-limit': '100;w=60', 'ratelimit-remaining': '0;w=60' }), { remaining: 0 }],
    [
      'nonsense',
      reply(200, { 'ratelimit-limit': 'many', 'ratelimit-remaining': '-1' }),
      { limit: undefined, remaining: undefined },
    ],
  ])('%s', async ([, answer, want]) => {
    await using registry = await startFaultyRegistry()
    registry.on('HEAD', '/v2/app/manifests/v1', answer, answer, answer, answer, answer, answer, answer)
    await using client = testClient()
    expect(await readRateLimit(client, `${registry.host}/app:v1`, signal())).toMatchObject(want)
    expect(registry.count('GET', /manifests/)).toBe(0)
  })

  it('a refusal is an error', async () => {
    await using registry = await startFaultyRegistry()
    await using client = testClient()
    await expect(readRateLimit(client, `${registry.host}/none:v1`, signal())).rejects.toMatchObject({
      code: 'REGISTRY_NOT_FOUND',
    })
  })
})

describe('search', () => {
  async function search(
    ...answers: readonly Reply[]
  ): Promise<{ readonly found: unknown; readonly paths: readonly string[] }> {
    await using hub = await startScriptedServer()
    hub.on('GET', '/v1/search', ...answers)
    await using client = testClient()
    const options = { signal: signal(), limit: 5, hub: { origin: hub.origin, target: '/v1/search' } }
    const found = await searchRepositories(client, 'docker.io', 'ngi nx', options).catch((error: unknown) => error)
    return { found, paths: hub.requests.map(({ path }) => path) }
  }
  const result = { name: 'nginx', description: 'x', star_count: 7, is_official: true, is_automated: false }

  it("reads Docker Hub's answer, after a fault that passes, too", async () => {
    const answer = reply(200, {}, { results: [result, { name: 'a/b', description: null }] })
    const { found, paths } = await search(reply(503), drop(), answer)
    expect(found).toEqual([
      { name: 'nginx', description: 'x', stars: 7, official: true, automated: false },
      { name: 'a/b', description: '', stars: 0, official: false, automated: false },
    ])
    expect(paths).toEqual(Array.from({ length: 3 }, () => '/v1/search?q=ngi%20nx&n=5'))
  })

  it.for<[string, Reply, ErrorCode]>([
    ['no JSON', reply(200, {}, '<html>'), 'REGISTRY_PROTOCOL'],
    ['results that are none', reply(200, {}, { results: 'x' }), 'REGISTRY_PROTOCOL'],
    ['a result without a name', reply(200, {}, { results: [{}] }), 'REGISTRY_PROTOCOL'],
    ['status 500', reply(500), 'REGISTRY_UNAVAILABLE'],
    ['status 429 for an hour', reply(429, { 'retry-after': '3600' }), 'REGISTRY_THROTTLED'],
    ['a redirect to plain nonsense', reply(302, { location: 'x:' }), 'REGISTRY_PROTOCOL'],
  ])('%s', async ([, answer, code]) => {
    expect((await search(answer, answer, answer, answer, answer)).found).toMatchObject({ code })
  })

  it('lists the catalog of other registries', async () => {
    await using registry = await startFaultyRegistry()
    registry.memory.add('team/app', 'v1', await tarImage())
    registry.on('GET', '/v2/_catalog', passThrough)
    await using client = testClient()
    const found = await searchRepositories(client, registry.host, 'app', { signal: signal(), limit: 5 })
    expect(found.map(({ name }) => name)).toEqual([`${registry.host}/team/app`])
  })
})
