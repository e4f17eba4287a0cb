import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/base/error-codes.ts'
import { parseReference, withDigest } from '../../src/oci/reference.ts'
import type { Credentials } from '../../src/registry/auth/credentials.ts'
import { getManifest } from '../../src/registry/fetch-manifest.ts'
import { streamBlob } from '../../src/registry/fetch-blob.ts'
import { uploadBlob } from '../../src/registry/upload-blob.ts'
import { bytesSource, impatient, sampleImage, testClient } from '../helpers/registry-client.ts'
import type { SampleImage, TestClient, TestClientOptions } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import type { FaultyRegistry } from '../helpers/registry-memory.ts'
import { choose, drop, passThrough, refuse, reply, stall, startScriptedServer } from '../helpers/registry-script.ts'
import type { Reply, ScriptedServer } from '../helpers/registry-script.ts'

const login: Credentials = { kind: 'basic', username: 'me', password: 'pass-word-1' }
const basic = `Basic ${Buffer.from('me:pass-word-1').toString('base64')}`
const limit = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(150_000) })

interface Bench {
  readonly registry: FaultyRegistry
  readonly tokens: ScriptedServer
  readonly image: SampleImage
  readonly client: (credentials?: Credentials, options?: TestClientOptions) => TestClient
  readonly reference: ReturnType<typeof parseReference>
}

/** A registry that lets in who shows one of `accepted`, and a token server; `challenge` is what it answers else. */
async function bench(
  accepted: readonly string[],
  challenge: (tokens: ScriptedServer) => string | undefined,
  run: (bench: Bench) => Promise<void>,
): Promise<void> {
  await using registry = await startFaultyRegistry()
  await using tokens = await startScriptedServer()
  const image = sampleImage()
  registry.memory.add('team/app', 'v1', image)
  const header = challenge(tokens)
  const refused = refuse(
    401,
    'UNAUTHORIZED',
    'authentication required',
    header === undefined ? {} : { 'www-authenticate': header },
  )
  for (const method of ['GET', 'HEAD', 'POST', 'PATCH', 'PUT']) {
    registry.on(
      method,
      /^\/v2\/./,
      choose((request) => (accepted.includes(request.headers.authorization ?? '') ? passThrough : refused)),
    )
  }
  await using stack = new AsyncDisposableStack()
  await run({
    registry,
    tokens,
    image,
    reference: parseReference(`${registry.host}/team/app:v1`),
    client: (credentials, options = {}) =>
      stack.use(
        testClient({ ...options, ...(credentials === undefined ? {} : { logins: { [registry.host]: credentials } }) }),
      ),
  })
}

const bearer = (tokens: ScriptedServer): string =>
  `Bearer realm="${tokens.origin}/token",service="reg",scope="repository:team/app:pull"`

describe('challenges', () => {
  it.for<[string, string, Credentials]>([
    ['Basic', 'Basic realm="x"', login],
    ['BASIC of Nexus', 'BASIC realm="Sonatype Nexus Repository Manager"', login],
    ['several, Negotiate first', 'Negotiate, Basic realm="a, b", Digest realm="c"', login],
    ['Basic with charset', 'Basic realm="x", charset="UTF-8"', login],
  ])('%s', async ([, header, credentials]) => {
    await bench(
      [basic],
      () => header,
      async ({ client, reference, image }) => {
        expect((await getManifest(client(credentials), reference, limit())).descriptor.digest).toBe(image.digest)
      },
    )
  })

  it.for<[string, string | undefined, Credentials | undefined, ErrorCode]>([
    ['Basic without a login', 'Basic realm="x"', undefined, 'REGISTRY_UNAUTHORIZED'],
    [
      'Basic with a wrong password',
      'Basic realm="x"',
      { kind: 'basic', username: 'me', password: 'wrong' },
      'REGISTRY_DENIED',
    ],
    [
      'Basic with a refresh token',
      'Basic realm="x"',
      { kind: 'identity', token: 'refresh-1' },
      'REGISTRY_UNAUTHORIZED',
    ],
    ['none at all', undefined, login, 'REGISTRY_UNAUTHORIZED'],
    ['an unknown scheme', 'Negotiate', login, 'REGISTRY_UNAUTHORIZED'],
    ['nonsense', '=,,"', login, 'REGISTRY_UNAUTHORIZED'],
    ['a realm that is no URL', 'Bearer realm="null://x",service="y"', login, 'REGISTRY_PROTOCOL'],
    ['a realm without a host', 'Bearer realm="/token"', login, 'REGISTRY_PROTOCOL'],
    [
      'a realm on another machine by plain http',
      'Bearer realm="http://tokens.example.com/"',
      login,
      'REGISTRY_UNREACHABLE',
    ],
  ])('%s', async ([, header, credentials, code]) => {
    await bench(
      [basic],
      () => header,
      async ({ client, reference }) => {
        const error: unknown = await getManifest(client(credentials), reference, limit()).catch(
          (caught: unknown) => caught,
        )
        expect(error).toMatchObject({ code })
        expect((error as Error).message).not.toMatch(/pass-word|wrong|refresh-1/)
      },
    )
  })

  it('a 401 without a challenge is answered by what the ping says', async () => {
    await bench(
      [basic],
      () => undefined,
      async ({ registry, client, reference, image }) => {
        registry.on(
          'GET',
          '/v2/',
          reply(200),
          refuse(401, 'UNAUTHORIZED', 'x', { 'www-authenticate': 'Basic realm="x"' }),
        )
        expect((await getManifest(client(login), reference, limit())).descriptor.digest).toBe(image.digest)
      },
    )
  })

  it('is learnt from any request, also when the ping let everybody in', async () => {
    await bench(
      [basic],
      () => 'Basic realm="x"',
      async ({ registry, client, reference }) => {
        const one = client(login)
        await getManifest(one, reference, limit())
        await getManifest(one, reference, limit())
        const sent = registry.requests
          .filter(({ path }) => path.includes('/manifests/'))
          .map(({ headers }) => headers.authorization)
        expect(sent).toEqual([undefined, basic, basic])
      },
    )
  })
})

describe('token servers', () => {
  it.for<[string, object]>([
    ['token', { token: 'tok-1' }],
    ['access_token', { access_token: 'tok-1' }],
    ['both', { token: 'tok-1', access_token: 'tok-1', expires_in: 300, issued_at: '2026-01-01T00:00:00Z' }],
    ['an expiry of a second', { token: 'tok-1', expires_in: 1 }],
    ['a negative expiry', { token: 'tok-1', expires_in: -5 }],
  ])('answer with %s', async ([, answer]) => {
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference, image }) => {
      tokens.on('GET', '/token', reply(200, {}, answer))
      expect((await getManifest(client(login), reference, limit())).descriptor.digest).toBe(image.digest)
      expect(tokens.requests[0]?.headers.authorization).toBe(basic)
      const query = new URL(tokens.requests[0]?.path ?? '', 'http://x').searchParams
      expect(query.get('service')).toBe('reg')
      expect(query.getAll('scope')).toEqual(['repository:team/app:pull'])
    })
  })

  it('anonymous users get a token, too', async () => {
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference, image }) => {
      tokens.on('GET', '/token', reply(200, {}, { token: 'tok-1' }))
      expect((await getManifest(client(), reference, limit())).descriptor.digest).toBe(image.digest)
      expect(tokens.requests[0]?.headers.authorization).toBeUndefined()
    })
  })

  it('one token serves all requests of a scope', async () => {
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference, image }) => {
      tokens.on('GET', '/token', reply(200, {}, { token: 'tok-1', expires_in: 300 }))
      const one = client(login)
      await Promise.all(Array.from({ length: 5 }, () => getManifest(one, reference, limit())))
      await getManifest(one, withDigest(reference, image.digest), limit())
      expect(tokens.count('GET', '/token')).toBe(1)
    })
  })

  it('an expired token is renewed before it is used', async () => {
    await bench(['Bearer tok-1', 'Bearer tok-2'], bearer, async ({ tokens, client, reference }) => {
      tokens.on(
        'GET',
        '/token',
        reply(200, {}, { token: 'tok-1', expires_in: 0.001 }),
        reply(200, {}, { token: 'tok-2' }),
      )
      const one = client(login)
      await getManifest(one, reference, limit())
      await new Promise((resolve) => setTimeout(resolve, 5))
      await getManifest(one, reference, limit())
      expect(tokens.count('GET', '/token')).toBe(2)
    })
  })

  it('a token that dies in the middle is renewed once per request, also for the closing PUT', async () => {
    await using registry = await startFaultyRegistry()
    await using tokens = await startScriptedServer()
    let valid = 'tok-0'
    let count = 0
    tokens.on(
      'GET',
      '/token',
      choose(() => reply(200, {}, { token: (valid = `tok-${(count += 1)}`), expires_in: 300 })),
    )
    const challenge = { 'www-authenticate': `Bearer realm="${tokens.origin}/token",service="reg"` }
    const guarded = choose((request) => {
      if (request.headers.authorization !== `Bearer ${valid}`) return refuse(401, 'UNAUTHORIZED', 'expired', challenge)
      // Each request that is let in uses the token up.
      valid = 'none'
      return passThrough
    })
    for (const method of ['HEAD', 'POST', 'PATCH', 'PUT']) registry.on(method, /^\/v2\/./, guarded)
    await using client = testClient({ logins: { [registry.host]: login } })
    const content = Buffer.alloc(300_000, 'x')
    const result = await uploadBlob(client, parseReference(`${registry.host}/team/app`), bytesSource(content), {
      ...limit(),
      action: 'x',
    })
    expect(result).toEqual({ kind: 'pushed' })
    expect(count).toBe(4)
  })

  it.for<[string, Reply, ErrorCode, number]>([
    ['401', refuse(401, 'UNAUTHORIZED', 'incorrect username or password'), 'REGISTRY_UNAUTHORIZED', 1],
    ['403', reply(403, {}, { details: 'no such package' }), 'REGISTRY_UNAUTHORIZED', 1],
    ['404', reply(404), 'REGISTRY_UNAUTHORIZED', 1],
    ['429 for an hour', reply(429, { 'retry-after': '3600' }), 'REGISTRY_THROTTLED', 1],
    ['500', reply(500), 'REGISTRY_UNAVAILABLE', 5],
    ['a reset', drop(), 'REGISTRY_UNREACHABLE', 5],
    ['no answer', stall, 'REGISTRY_TIMEOUT', 3],
    ['no JSON', reply(200, {}, '<html>'), 'REGISTRY_PROTOCOL', 1],
    ['no token', reply(200, {}, { expires_in: 3 }), 'REGISTRY_PROTOCOL', 1],
    ['a token with a line break', reply(200, {}, { token: 'a\r\nx-evil: 1' }), 'REGISTRY_PROTOCOL', 1],
    ['a token of 2 MiB', reply(200, {}, { token: 'a'.repeat(2 * 1024 * 1024) }), 'REGISTRY_TOO_LARGE', 1],
  ])('answer with %s', async ([name, fault, code, attempts]) => {
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
      tokens.on('GET', '/token', fault)
      const one = client(login, name === 'no answer' ? impatient : {})
      await expect(getManifest(one, reference, limit())).rejects.toMatchObject({ code })
      expect(tokens.count('GET', '/token')).toBe(attempts)
    })
  })

  it.for<[string, Reply]>([
    ['500', reply(500)],
    ['a reset', drop()],
  ])('%s once is tried again', async ([, fault]) => {
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
      tokens.on('GET', '/token', fault, reply(200, {}, { token: 'tok-1' }))
      await getManifest(client(login), reference, limit())
    })
  })

  it("a token that the registry does not honour: one new attempt, then the registry's own words", async () => {
    await bench(['Bearer other'], bearer, async ({ registry, tokens, client, reference }) => {
      tokens.on('GET', '/token', reply(200, {}, { token: 'tok-1' }), reply(200, {}, { token: 'tok-2' }))
      await expect(getManifest(client(login), reference, limit())).rejects.toMatchObject({
        code: 'REGISTRY_DENIED',
        message: expect.stringContaining('authentication required') as string,
      })
      expect(registry.count('GET', /manifests/)).toBe(2)
    })
  })

  it.for([400, 401, 404, 405])(
    'POST of a refresh token, fall-back to GET when it is answered by %i',
    async (status) => {
      await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
        tokens.on('POST', '/token', reply(status))
        tokens.on('GET', '/token', reply(200, {}, { token: 'tok-1' }))
        await getManifest(client({ kind: 'identity', token: 'refresh-1' }), reference, limit())
        const sent = Buffer.from((tokens.requests.at(-1)?.headers.authorization ?? '').slice(6), 'base64').toString()
        expect(sent).toBe('00000000-0000-0000-0000-000000000000:refresh-1')
      })
    },
  )

  it('POST of a refresh token', async () => {
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
      tokens.on('POST', '/token', reply(200, {}, { access_token: 'tok-1' }))
      await getManifest(client({ kind: 'identity', token: 'refresh-1' }), reference, limit())
      expect(tokens.requests[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
      expect(tokens.requests[0]?.path).toBe('/token')
    })
  })

  it('GET refused by 405: the password form', async () => {
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
      tokens.on('GET', '/token', reply(405))
      tokens.on('POST', '/token', reply(200, {}, { access_token: 'tok-1' }))
      await getManifest(client(login), reference, limit())
    })
  })

  it('a ready access token needs no token server', async () => {
    await bench(['Bearer ready-1'], bearer, async ({ tokens, client, reference }) => {
      await getManifest(client({ kind: 'bearer', token: 'ready-1' }), reference, limit())
      expect(tokens.requests).toEqual([])
    })
  })

  it('a robot name with a dollar is passed on as it is', async () => {
    const robot = { kind: 'basic', username: 'robot$team+ci', password: 'pä$$:word' } as const
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
      tokens.on('GET', '/token', reply(200, {}, { token: 'tok-1' }))
      await getManifest(client(robot), reference, limit())
      const sent = Buffer.from((tokens.requests[0]?.headers.authorization ?? '').slice(6), 'base64').toString()
      expect(sent).toBe('robot$team+ci:pä$$:word')
      expect(new URL(tokens.requests[0]?.path ?? '', 'http://x').searchParams.get('account')).toBe('robot$team+ci')
    })
  })
})

describe('credentials stay with their origin', () => {
  async function download(registry: FaultyRegistry, client: TestClient, image: SampleImage): Promise<Buffer> {
    const layer = image.manifest.layers[0]!
    const chunks = streamBlob(client, parseReference(`${registry.host}/team/app:v1`), layer, {
      ...limit(),
      action: 'Cannot pull',
    })
    return Buffer.concat(await Array.fromAsync(chunks))
  }

  it.for([301, 302, 303, 307, 308])('a redirect (%i) to another port gets none', async (status) => {
    await using storage = await startScriptedServer()
    await bench(
      [basic],
      () => 'Basic realm="x"',
      async ({ registry, client, image }) => {
        storage.on('GET', /^\/bucket/, reply(200, {}, image.layers[0]))
        const one = client(login)
        await getManifest(one, parseReference(`${registry.host}/team/app:v1`), limit())
        registry.on(
          'GET',
          /\/blobs\//,
          reply(status, { location: `${storage.origin}/bucket/x?X-Amz-Signature=a%2Bb/c+d&e='` }),
        )
        expect((await download(registry, one, image)).equals(image.layers[0]!)).toBe(true)
        expect(registry.requests.at(-1)?.headers.authorization).toBe(basic)
        expect(storage.requests).toHaveLength(1)
        expect(storage.requests[0]?.headers.authorization).toBeUndefined()
        expect(storage.requests[0]?.path).toBe(`/bucket/x?X-Amz-Signature=a%2Bb/c+d&e='`)
      },
    )
  })

  it("a 401 of the redirect's target is not answered with credentials", async () => {
    await using storage = await startScriptedServer()
    await bench(
      [basic],
      () => 'Basic realm="x"',
      async ({ registry, client, image, reference }) => {
        storage.on('GET', /./, reply(401, { 'www-authenticate': 'Basic realm="give me"' }))
        const one = client(login)
        await getManifest(one, reference, limit())
        registry.on('GET', /\/blobs\//, reply(307, { location: `${storage.origin}/x` }))
        await expect(download(registry, one, image)).rejects.toMatchObject({ code: 'REGISTRY_DENIED' })
        expect(storage.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
      },
    )
  })

  it("nor by the token server's redirect", async () => {
    await using other = await startScriptedServer()
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
      tokens.on('GET', '/token', reply(302, { location: `${other.origin}/steal` }))
      other.on('GET', /./, reply(200, {}, { token: 'tok-1' }))
      await getManifest(client(login), reference, limit())
      expect(other.requests[0]?.headers.authorization).toBeUndefined()
    })
  })

  it('a refresh token is not posted to where the token server redirects', async () => {
    await using other = await startScriptedServer()
    await bench(['Bearer tok-1'], bearer, async ({ tokens, client, reference }) => {
      tokens.on('POST', '/token', reply(307, { location: `${other.origin}/steal` }))
      other.on('POST', /./, reply(200, {}, { access_token: 'tok-1' }))
      await expect(
        getManifest(client({ kind: 'identity', token: 'refresh-1' }), reference, limit()),
      ).rejects.toMatchObject({
        code: 'REGISTRY_PROTOCOL',
      })
      expect(other.requests).toEqual([])
    })
  })

  it('an upload that is led elsewhere goes without them', async () => {
    await using storage = await startScriptedServer()
    await bench(
      [basic],
      () => 'Basic realm="x"',
      async ({ registry, client, reference }) => {
        const content = Buffer.from('some content')
        storage.on('PATCH', /./, reply(202, { location: `${storage.origin}/up?y` }))
        storage.on('PUT', /./, reply(201))
        registry.on(
          'POST',
          /uploads/,
          choose((request) =>
            request.headers.authorization === basic
              ? reply(202, { location: `${storage.origin}/up?x` })
              : reply(401, { 'www-authenticate': 'Basic realm="x"' }),
          ),
        )
        expect(await uploadBlob(client(login), reference, bytesSource(content), { ...limit(), action: 'x' })).toEqual({
          kind: 'pushed',
        })
        expect(storage.requests).toHaveLength(2)
        expect(storage.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
      },
    )
  })

  it('redirects in a circle end', async () => {
    await bench(
      [],
      () => undefined,
      async ({ registry, client, image }) => {
        registry.on(
          'GET',
          /\/blobs\//,
          choose((request) =>
            reply(307, {
              location:
                request.url?.endsWith('?1') === true
                  ? `${request.url.slice(0, -2)}?2`
                  : `${request.url?.split('?')[0] ?? ''}?1`,
            }),
          ),
        )
        await expect(download(registry, client(), image)).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' })
        expect(registry.count('GET', /\/blobs\//)).toBe(11)
      },
    )
  })

  it('a redirect to itself ends at once', async () => {
    await bench(
      [],
      () => undefined,
      async ({ registry, client, image }) => {
        registry.on(
          'GET',
          /\/blobs\//,
          choose((request) => reply(307, { location: request.url ?? '' })),
        )
        await expect(download(registry, client(), image)).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' })
        expect(registry.count('GET', /\/blobs\//)).toBe(1)
      },
    )
  })
})
