import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/base/error-codes.ts'
import { parseReference, withDigest } from '../../src/oci/reference.ts'
import type { Reference } from '../../src/oci/reference.ts'
import { getManifest } from '../../src/registry/fetch-manifest.ts'
import { listRepositories, listTags } from '../../src/registry/list.ts'
import { placesOf } from '../../src/registry/endpoints.ts'
import { searchRepositories } from '../../src/registry/search.ts'
import { proxyFor } from '../../src/registry/transport/dispatchers.ts'
import type { Mirror, RegistryRule } from '../../src/settings/settings.ts'
import { makeCertificate } from '../helpers/certificates.ts'
import { listenOnLoopback } from '../helpers/listen.ts'
import { impatient, noRegistrySettings, sampleImage, testClient } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { drop, endless, refuse, reply, stall } from '../helpers/registry-script.ts'
import type { Reply } from '../helpers/registry-script.ts'

const limit = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(150_000) })
const mirror = (location: string, pull: Mirror['pull'] = 'all'): Mirror => ({ location, insecure: true, pull })

describe('mirrors', () => {
  it('are asked first, under their prefix, and only for reads', async () => {
    await using mirrorServer = await startFaultyRegistry()
    await using origin = await startFaultyRegistry()
    const image = sampleImage()
    mirrorServer.memory.add('cache/team/app', 'v1', image)
    await using client = testClient({
      registries: { rules: { [origin.host]: { mirrors: [mirror(`${mirrorServer.host}/cache`)] } } },
    })
    const reference = parseReference(`${origin.host}/team/app:v1`)
    expect((await getManifest(client, reference, limit())).descriptor.digest).toBe(image.digest)
    expect(origin.requests).toEqual([])
    await expect(getManifest(client, reference, { ...limit(), writing: true })).rejects.toMatchObject({
      code: 'REGISTRY_NOT_FOUND',
    })
    expect(origin.requests.length).toBeGreaterThan(0)
  })

  it.for<[string, Reply]>([
    ['404', reply(404)],
    ['403', refuse(403, 'DENIED', 'x')],
    ['401', reply(401)],
    ['500', reply(500)],
    ['429', reply(429, { 'retry-after': '100' })],
    ['a reset', drop()],
    ['no answer', stall],
    ['wrong content', reply(200, { 'content-type': 'application/json' }, '{}')],
    ['a login page', reply(200, { 'content-type': 'text/html' }, '<html>')],
    ['no end', endless(200)],
  ])('one that answers %s never fails a pull by digest', async ([name, fault]) => {
    await using mirrorServer = await startFaultyRegistry()
    await using origin = await startFaultyRegistry()
    const image = sampleImage()
    origin.memory.add('app', 'v1', image)
    mirrorServer.on('GET', /manifests/, fault)
    const notes: string[] = []
    await using client = testClient({
      ...(name === 'no answer' ? impatient : {}),
      registries: { rules: { [origin.host]: { mirrors: [mirror(mirrorServer.host)] } } },
    })
    const reference = withDigest(parseReference(`${origin.host}/app`), image.digest)
    const got = await getManifest(client, reference, { ...limit(), notify: (note) => void notes.push(note) })
    expect(got.descriptor.digest).toBe(image.digest)
    expect(mirrorServer.requests.length).toBeGreaterThan(0)
    expect(notes.every((note) => !note.includes('\n'))).toBe(true)
  })

  it('one that is down is asked once per process', async () => {
    await using origin = await startFaultyRegistry()
    const image = sampleImage()
    origin.memory.add('app', 'v1', image)
    const notes: string[] = []
    await using client = testClient({ registries: { rules: { [origin.host]: { mirrors: [mirror('127.0.0.1:1')] } } } })
    const options = { ...limit(), notify: (note: string) => void notes.push(note) }
    await getManifest(client, parseReference(`${origin.host}/app:v1`), options)
    await getManifest(client, parseReference(`${origin.host}/app:v1`), options)
    expect(notes).toHaveLength(1)
    expect(notes[0]).toContain('Mirror 127.0.0.1:1 is passed over')
  })

  it("do not get the registry's credentials", async () => {
    await using mirrorServer = await startFaultyRegistry()
    await using origin = await startFaultyRegistry()
    mirrorServer.on('GET', /manifests/, refuse(401, 'UNAUTHORIZED', 'x', { 'www-authenticate': 'Basic realm="x"' }))
    origin.memory.add('app', 'v1', sampleImage())
    await using client = testClient({
      registries: { rules: { [origin.host]: { mirrors: [mirror(mirrorServer.host)] } } },
      logins: { [origin.host]: { kind: 'basic', username: 'me', password: 'pass-word-1' } },
    })
    await getManifest(client, parseReference(`${origin.host}/app:v1`), limit())
    expect(mirrorServer.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })
})

type Rules = Readonly<Record<string, RegistryRule>>

describe('placesOf', () => {
  const settings = (rules: Rules) => ({ ...noRegistrySettings, rules })
  const hosts = (name: string, access: 'read-tag' | 'read-digest' | 'write', rules: Rules): readonly string[] =>
    placesOf(parseReference(name), access, settings(rules)).map(({ host, repository }) => `${host}/${repository}`)

  it.for<[string, string, 'read-tag' | 'read-digest' | 'write', Rules, readonly string[]]>([
    ['Docker Hub', 'busybox', 'read-tag', {}, ['registry-1.docker.io/library/busybox']],
    [
      'a mirror',
      'busybox',
      'read-tag',
      { 'docker.io': { mirrors: [mirror('m')] } },
      ['m/library/busybox', 'registry-1.docker.io/library/busybox'],
    ],
    [
      'a write',
      'busybox',
      'write',
      { 'docker.io': { mirrors: [mirror('m')] } },
      ['registry-1.docker.io/library/busybox'],
    ],
    [
      'digest only',
      'busybox',
      'read-tag',
      { 'docker.io': { mirrors: [mirror('m', 'digest-only')] } },
      ['registry-1.docker.io/library/busybox'],
    ],
    [
      'digest only',
      'busybox',
      'read-digest',
      { 'docker.io': { mirrors: [mirror('m', 'digest-only')] } },
      ['m/library/busybox', 'registry-1.docker.io/library/busybox'],
    ],
    [
      'tag only',
      'busybox',
      'read-digest',
      { 'docker.io': { mirrors: [mirror('m', 'tag-only')] } },
      ['registry-1.docker.io/library/busybox'],
    ],
    [
      'a prefix that is rewritten',
      'quay.io/team/app',
      'read-tag',
      { 'quay.io/team': { mirrors: [mirror('m/other')] } },
      ['m/other/app', 'quay.io/team/app'],
    ],
    [
      'the longest prefix',
      'quay.io/team/app',
      'read-tag',
      { 'quay.io': { mirrors: [mirror('a')] }, 'quay.io/team': { mirrors: [mirror('b')] } },
      ['b/app', 'quay.io/team/app'],
    ],
    [
      'only on component borders',
      'quay.io/teams/app',
      'read-tag',
      { 'quay.io/team': { mirrors: [mirror('b')] } },
      ['quay.io/teams/app'],
    ],
    [
      'a wildcard host',
      'eu.example.com/app',
      'read-tag',
      { '*.example.com': { mirrors: [mirror('m')] } },
      ['m/app', 'eu.example.com/app'],
    ],
    [
      'the longest prefix alone',
      'quay.io/team/app',
      'read-tag',
      { 'quay.io': { mirrors: [mirror('a')] }, 'quay.io/team': {} },
      ['quay.io/team/app'],
    ],
    [
      'a wildcard host with a path',
      'eu.example.com/team/app',
      'read-tag',
      { '*.example.com/team': { mirrors: [mirror('m/x')] } },
      ['m/x/app', 'eu.example.com/team/app'],
    ],
    [
      'a wildcard is no path',
      'quay.io/a.example.com/app',
      'read-tag',
      { '*.example.com': { location: 'm' } },
      ['quay.io/a.example.com/app'],
    ],
    [
      'another location: the registry itself is not asked',
      'docker.io/library/busybox',
      'read-tag',
      { 'docker.io': { mirrors: [mirror('m')], location: 'vault.example.com/hub' } },
      ['m/library/busybox', 'vault.example.com/hub/library/busybox'],
    ],
    [
      'a wildcard elsewhere',
      'eu.example.com/app',
      'read-digest',
      { '*.example.com': { location: 'one.example.org/all' } },
      ['one.example.org/all/app'],
    ],
    [
      'a push goes where the name says',
      'old.example.com/app',
      'write',
      { 'old.example.com': { location: 'new.example.com' } },
      ['old.example.com/app'],
    ],
    [
      'an address of version 6',
      '[fd00::1]:5000/app',
      'read-tag',
      { '[fd00::1]:5000': { mirrors: [mirror('[fd00::2]:5000')] } },
      ['[fd00::2]:5000/app', '[fd00::1]:5000/app'],
    ],
  ])('%s: %s %s', ([, name, access, rules, want]) => {
    expect(hosts(name, access, rules)).toEqual(want)
  })

  it.for<[string, readonly string[], boolean]>([
    ['127.0.0.1:5000/a', [], true],
    ['localhost/a', [], true],
    ['[::1]:5000/a', [], true],
    ['registry.example.com/a', [], false],
    ['registry.example.com/a', ['registry.example.com'], true],
    ['registry.example.com:5000/a', ['registry.example.com:5000'], true],
    ['10.1.2.3:5000/a', ['10.0.0.0/8'], true],
    ['[fd00::5]:5000/a', ['fd00::/8'], true],
    ['[fd00::5]/a', ['fd00::5'], true],
    ['[fe80::5]/a', ['fd00::/8'], false],
    ['11.1.2.3:5000/a', ['10.0.0.0/8'], false],
    ['registry.example.com/team/a', ['registry.example.com/team'], true],
    ['registry.example.com/other/a', ['registry.example.com/team'], false],
  ])('%s with %j is insecure: %s', ([name, insecure, want]) => {
    const [place] = placesOf(parseReference(name), 'write', { ...noRegistrySettings, insecure })
    expect(place?.insecure).toBe(want)
  })

  it('a rule may allow plain http for a prefix, or for its location', () => {
    const rules = { 'quay.io/team': { insecure: true }, 'a.example.com': { location: 'b.example.com', insecure: true } }
    const insecure = (name: string): boolean | undefined =>
      placesOf(parseReference(name), 'read-tag', settings(rules)).at(-1)?.insecure
    expect(insecure('quay.io/team/app')).toBe(true)
    expect(insecure('quay.io/other/app')).toBe(false)
    expect(insecure('a.example.com/app')).toBe(true)
  })

  it('refuses what is blocked, but not what a longer prefix allows', () => {
    const rules = { 'quay.io': { blocked: true }, 'quay.io/good': {} }
    for (const access of ['read-tag', 'write'] as const) {
      expect(() => placesOf(parseReference('quay.io/evil/app'), access, settings(rules))).toThrow(
        expect.objectContaining({ code: 'REGISTRY_BLOCKED' }),
      )
      expect(placesOf(parseReference('quay.io/good/app'), access, settings(rules))).toHaveLength(1)
    }
  })
})

describe('TLS', () => {
  const authority = makeCertificate({ name: 'ca', authority: true })
  const server = makeCertificate({ name: 'server', hosts: ['localhost', '127.0.0.1'], issuer: authority })

  async function withTrust(
    host: string,
    files: Readonly<Record<string, string>>,
    run: (certDirs: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'tsbuild-certs-'))
    try {
      await mkdir(join(folder, host), { recursive: true })
      for (const [name, content] of Object.entries(files)) await writeFile(join(folder, host, name), content)
      await run([folder])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  it('loopback is found by itself, plain or not', async () => {
    await using registry = await startFaultyRegistry({ tls: server })
    const image = sampleImage()
    registry.memory.add('app', 'v1', image)
    await using client = testClient()
    expect((await getManifest(client, parseReference(`${registry.host}/app:v1`), limit())).descriptor.digest).toBe(
      image.digest,
    )
  })

  it.for<[string, Parameters<typeof makeCertificate>[0], ErrorCode]>([
    ['an unknown authority', { name: 'server', hosts: ['127.0.0.1'] }, 'REGISTRY_TLS'],
    ['another name', { name: 'server', hosts: ['example.com'], issuer: authority }, 'REGISTRY_TLS'],
    ['an expired certificate', { name: 'server', hosts: ['127.0.0.1'], issuer: authority, days: -3 }, 'REGISTRY_TLS'],
  ])('%s is refused', async ([, request, code]) => {
    await using registry = await startFaultyRegistry({ tls: makeCertificate(request) })
    // 127.0.0.1 counts as this machine; the wire itself is asked with verification on.
    const { createDispatchers } = await import('../../src/registry/transport/dispatchers.ts')
    const { createWire } = await import('../../src/registry/transport/wire.ts')
    await using dispatchers = createDispatchers({
      tls: async () => ({ authorities: [authority.certificate], verify: true }),
      proxies: { http: undefined, https: undefined, no: undefined },
      connectTimeout: 60_000,
    })
    const times = { connect: 60_000, headers: 60_000, idle: 60_000, commit: 60_000, document: 60_000 }
    const wire = createWire(dispatchers, times)
    const asked = wire({
      method: 'GET',
      url: { origin: registry.origin, target: '/v2/' },
      headers: {},
      repeatable: false,
      ...limit(),
    })
    await expect(asked).rejects.toMatchObject({ code })
    expect(registry.requests).toEqual([])
  })

  it('an authority of certs.d counts, a client certificate is shown', async () => {
    await using registry = await startFaultyRegistry({ tls: server })
    await withTrust(
      registry.host,
      { 'ca.crt': authority.certificate, 'client.cert': server.certificate, 'client.key': server.key },
      async (certDirs) => {
        const { readTlsFiles } = await import('../../src/registry/tls-files.ts')
        expect(await readTlsFiles(registry.host, certDirs, true)).toEqual({
          authorities: [authority.certificate],
          verify: true,
          clientCertificate: server.certificate,
          clientKey: server.key,
        })
      },
    )
  })

  it('a client certificate without its key is an error', async () => {
    await withTrust('example.com', { 'client.cert': server.certificate }, async (certDirs) => {
      const { readTlsFiles } = await import('../../src/registry/tls-files.ts')
      await expect(readTlsFiles('example.com', certDirs, true)).rejects.toMatchObject({ code: 'SETTINGS_INVALID' })
    })
  })
})

describe('proxies', () => {
  it.for<[string, string | undefined, string | undefined]>([
    ['http://registry.example.com', '', 'http://p:1'],
    ['https://registry.example.com', '', 'http://s:2'],
    ['https://registry.example.com', 'example.com', undefined],
    ['https://registry.example.com', '.example.com', undefined],
    ['https://registry.example.com', '*.example.com', undefined],
    ['https://myexample.com', 'example.com', 'http://s:2'],
    ['https://registry.example.com:8443', 'example.com:8443', undefined],
    ['https://registry.example.com:8443', 'example.com:443', 'http://s:2'],
    ['https://registry.example.com', 'example.com:443', undefined],
    ['https://10.1.2.3', '10.0.0.0/8', undefined],
    ['https://11.1.2.3', '10.0.0.0/8', 'http://s:2'],
    ['https://registry.example.com', '*', undefined],
    ['https://registry.example.com', 'a.b, c.d  registry.example.com', undefined],
    ['http://127.0.0.1:5000', '', undefined],
    ['http://localhost:5000', '', undefined],
    ['http://[::1]:5000', '', undefined],
    ['http://[fd00::1]:5000', 'fd00::1', undefined],
    ['http://[fd00::1]:5000', '[fd00::1]:5000', undefined],
    ['http://[fd00::1]:5000', '[fd00::1]:443', 'http://p:1'],
    ['http://[fd00::1]:5000', 'fd00::/8', undefined],
    ['http://[fd00:1:2:3:4:5:6:7]', 'fd00:1:2:3:4:5:6:7', undefined],
    ['http://[fd00:1:2:3:4:5:6:7]', 'fd00:1:2:3:4:5:6', 'http://p:1'],
    ['https://registry.example.com', 'EXAMPLE.com', undefined],
  ])('%s with NO_PROXY "%s"', ([origin, no, want]) => {
    expect(proxyFor(origin, { http: 'http://p:1', https: 's:2', no })).toBe(want)
  })

  it('carry plain requests and tunnels', async () => {
    const seen: string[] = []
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    registry.memory.add('app', 'v1', image)
    const port = Number(registry.host.split(':')[1])
    const proxy = createServer((request, response) => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
      const target = new URL(request.url ?? '')
      const passOn = async (): Promise<void> => {
        const answer = await fetch(`http://127.0.0.1:${port}${target.pathname}`)
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        response.end(Buffer.from(await answer.arrayBuffer()))
      }
      void passOn()
    })
    proxy.on('connect', (request, socket) => {
      seen.push(`CONNECT ${request.url ?? ''}`)
      const upstream = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.pipe(socket).pipe(upstream)
      })
      upstream.on('error', () => socket.destroy())
      socket.on('error', () => upstream.destroy())
    })
    const listening = await listenOnLoopback(proxy)
    await using client = testClient({
      registries: { insecure: ['registry.test:80'] },
      proxies: { http: listening.origin, https: listening.origin, no: undefined },
    })
    const got = await getManifest(client, parseReference('registry.test:80/app:v1'), limit())
    expect(got.descriptor.digest).toBe(image.digest)
    // An insecure host is tried by TLS first, through a tunnel.
    expect(seen[0]).toBe('CONNECT registry.test:80')
    expect(seen).toContain('GET http://registry.test/v2/app/manifests/v1')
    await listening.close()
  })
})

describe('hosts that are not there', () => {
  it.for<[string, string, ErrorCode]>([
    ['a closed port', '127.0.0.1:1/app', 'REGISTRY_UNREACHABLE'],
    ['an unknown name', 'no-such-host.invalid/app', 'REGISTRY_UNREACHABLE'],
  ])('%s', async ([, name, code]) => {
    // A machine without name servers takes its time to say so.
    await using client = testClient(impatient)
    await expect(getManifest(client, parseReference(name), limit())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^Cannot reach/) as string,
    })
  })
})

describe('lists', () => {
  const tags = (registry: { readonly host: string }, name = 'app'): Reference =>
    parseReference(`${registry.host}/${name}`)

  it('follow Link over all pages', async () => {
    await using registry = await startFaultyRegistry()
    registry.on(
      'GET',
      '/v2/app/tags/list',
      reply(200, { link: '</v2/app/tags/list?n=1000&last=b>; rel="next"' }, { tags: ['a', 'b'] }),
      reply(200, {}, { tags: ['c'] }),
    )
    await using client = testClient()
    expect(await Array.fromAsync(listTags(client, tags(registry), limit()))).toEqual(['a', 'b', 'c'])
    expect(registry.requests.map(({ path }) => path)).toContain('/v2/app/tags/list?n=1000')
  })

  it.for<[string, object, readonly string[]]>([
    ['null of Nexus', { name: 'app', tags: null }, []],
    ['no member', { name: 'app' }, []],
    ['digests of Artifactory', { tags: ['v1', `sha256:${'a'.repeat(64)}`, 'sha256__abc'] }, ['v1', 'sha256__abc']],
    ['escapes', { tags: ['v1', '\u001b[2J'] }, ['v1']],
  ])('tags with %s', async ([, body, want]) => {
    await using registry = await startFaultyRegistry()
    registry.on('GET', '/v2/app/tags/list', reply(200, {}, body))
    await using client = testClient()
    expect(await Array.fromAsync(listTags(client, tags(registry), limit()))).toEqual(want)
  })

  it.for<[string, Reply, ErrorCode]>([
    [
      'pages in a circle',
      reply(200, { link: '</v2/app/tags/list?last=a>; rel="next"' }, { tags: ['a'] }),
      'REGISTRY_PROTOCOL',
    ],
    ['no JSON', reply(200, {}, '<html>'), 'REGISTRY_PROTOCOL'],
    ['numbers as tags', reply(200, {}, { tags: [1] }), 'REGISTRY_PROTOCOL'],
    ['no end', endless(200), 'REGISTRY_TOO_LARGE'],
    ['404', refuse(404, 'NAME_UNKNOWN', 'x'), 'REGISTRY_NOT_FOUND'],
    ['401', reply(401), 'REGISTRY_UNAUTHORIZED'],
    ['500', reply(500), 'REGISTRY_UNAVAILABLE'],
    ['a reset', drop(), 'REGISTRY_UNREACHABLE'],
  ])('%s', async ([, fault, code]) => {
    await using registry = await startFaultyRegistry()
    registry.on('GET', '/v2/app/tags/list', fault)
    await using client = testClient()
    await expect(Array.fromAsync(listTags(client, tags(registry), limit()))).rejects.toMatchObject({ code })
  })

  it('a Link to another host stays with the registry: credentials must not follow it', async () => {
    await using other = await startFaultyRegistry()
    await using registry = await startFaultyRegistry()
    registry.on(
      'GET',
      '/v2/app/tags/list',
      reply(200, { link: `<${other.origin}/v2/app/tags/list?last=a>; rel="next"` }, { tags: ['a'] }),
      reply(200, {}, { tags: ['b'] }),
    )
    await using client = testClient()
    expect(await Array.fromAsync(listTags(client, tags(registry), limit()))).toEqual(['a', 'b'])
    expect(other.requests).toEqual([])
  })

  it('a catalog that is not offered says so', async () => {
    await using registry = await startFaultyRegistry()
    registry.on('GET', '/v2/_catalog', refuse(404, 'UNSUPPORTED', 'no catalog'))
    await using client = testClient()
    await expect(Array.fromAsync(listRepositories(client, registry.host, limit()))).rejects.toMatchObject({
      code: 'REGISTRY_NOT_FOUND',
    })
  })
})

describe('search', () => {
  it("reads Docker Hub's answer and the catalog of others", async () => {
    await using hub = await startFaultyRegistry()
    await using client = testClient({ proxies: { http: undefined, https: undefined, no: undefined } })
    hub.on(
      'GET',
      '/v1/search',
      reply(
        200,
        {},
        {
          results: [
            { name: 'nginx', description: 'Official build', star_count: 7, is_official: true },
            { name: 'x/y' },
          ],
        },
      ),
    )
    const found = await searchRepositories(client, hub.host, 'app', { ...limit(), limit: 5 })
    expect(found).toEqual([])
    hub.memory.add('team/app', 'v1', sampleImage())
    expect(
      (await searchRepositories(client, hub.host, 'app', { ...limit(), limit: 5 })).map(({ name }) => name),
    ).toEqual([`${hub.host}/team/app`])
  })
})
