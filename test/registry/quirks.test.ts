import { describe, expect, it } from 'vitest'
import { parseReference } from '../../src/oci/reference.ts'
import type { Credentials } from '../../src/registry/auth/credentials.ts'
import { deleteManifest } from '../../src/registry/delete.ts'
import { getManifest, headManifest } from '../../src/registry/fetch-manifest.ts'
import { listTags } from '../../src/registry/list.ts'
import { checkLogin } from '../../src/registry/login.ts'
import { putManifest } from '../../src/registry/put-manifest.ts'
import { uploadBlob } from '../../src/registry/upload-blob.ts'
import { openTestImages } from '../helpers/image-store.ts'
import {
  bytesSource,
  describe as describeBytes,
  impatient,
  sampleImage,
  testClient,
} from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { choose, drop, passThrough, refuse, reply, startScriptedServer } from '../helpers/registry-script.ts'
import { tarImage } from '../helpers/tar-image.ts'

/** What single registries do differently, beyond the faults of the other files. */
const login: Credentials = { kind: 'basic', username: 'me', password: 'pass-word-1' }
const limit = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(150_000) })
const upload = (): { readonly signal: AbortSignal; readonly action: string } => ({ ...limit(), action: 'Cannot push' })
const blob = bytesSource(Buffer.from('content'))

describe('Docker Hub', () => {
  it('mounts where one token may read the source and write the target', async () => {
    await using registry = await startFaultyRegistry()
    await using tokens = await startScriptedServer()
    tokens.on('GET', '/token', reply(200, {}, { token: 'tok' }))
    const challenge = { 'www-authenticate': `Bearer realm="${tokens.origin}/token",service="hub"` }
    for (const method of ['HEAD', 'POST', 'PATCH', 'PUT']) {
      const refused = refuse(401, 'UNAUTHORIZED', 'authentication required', challenge)
      registry.on(
        method,
        /^\/v2\/./,
        choose(({ headers }) => (headers.authorization === 'Bearer tok' ? passThrough : refused)),
      )
    }
    await using client = testClient({ logins: { [registry.host]: login } })
    await uploadBlob(client, parseReference(`${registry.host}/me/app`), blob, {
      ...upload(),
      mountFrom: ['library/base'],
    })
    const scopes = tokens.requests.map(({ path }) => new URLSearchParams(path.split('?')[1]).getAll('scope'))
    expect(scopes).toContainEqual(['repository:library/base:pull', 'repository:me/app:pull,push'])
  })
})

describe('ECR', () => {
  it('ends the connection of an upload into a repository that is not there: the hint says so', async () => {
    await using proxy = await startScriptedServer()
    proxy.on('GET', /\/v2\/$/, reply(200))
    proxy.on('POST', /uploads/, drop())
    const host = '123456789012.dkr.ecr.us-east-1.amazonaws.com:80'
    await using client = testClient({
      ...impatient,
      registries: { insecure: [host] },
      proxies: { http: proxy.origin, https: proxy.origin, no: undefined },
    })
    await expect(uploadBlob(client, parseReference(`${host}/team/app`), blob, upload())).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: expect.stringContaining('repository "team/app" exist') as string,
    })
  })

  it('takes no page of more than 1000', async () => {
    await using registry = await startFaultyRegistry()
    registry.on(
      'GET',
      /tags\/list/,
      choose(({ url }) =>
        Number(/[?&]n=(\d+)/.exec(url ?? '')?.[1] ?? 0) > 1000
          ? refuse(400, 'UNSUPPORTED', 'n')
          : reply(200, {}, { name: 'app', tags: ['v1'] }),
      ),
    )
    await using client = testClient()
    const tags = await Array.fromAsync(listTags(client, parseReference(`${registry.host}/app`), limit()))
    expect(tags).toEqual(['v1'])
  })
})

describe('Harbor', () => {
  it('tells by HEAD another length than by GET, which nobody compares', async () => {
    await using registry = await startFaultyRegistry()
    const image = await tarImage()
    registry.memory.add('app', 'v1', image)
    const type = 'application/vnd.oci.image.manifest.v1+json'
    registry.on(
      'HEAD',
      /manifests/,
      reply(200, { 'content-type': type, 'docker-content-digest': image.digest, 'content-length': '7' }),
    )
    await using client = testClient()
    await using images = await openTestImages(client)
    const reference = parseReference(`${registry.host}/app:v1`)
    await images.images.pull(reference, images.pullOptions)
    expect(images.visible()).toMatchObject({ images: 1 })
    expect(images.corruptBlobs()).toEqual([])
  })

  it('says UNKNOWN of what is not there: the status counts', async () => {
    await using registry = await startFaultyRegistry()
    registry.on('GET', /manifests/, refuse(404, 'UNKNOWN', 'repository app not found'))
    registry.on('HEAD', /manifests/, reply(404))
    await using client = testClient()
    const reference = parseReference(`${registry.host}/app:v1`)
    expect(await headManifest(client, reference, limit())).toBeUndefined()
    await expect(getManifest(client, reference, limit())).rejects.toMatchObject({ code: 'REGISTRY_NOT_FOUND' })
  })

  it('has robots with a dollar in their names', async () => {
    await using registry = await startFaultyRegistry()
    const expected = `Basic ${Buffer.from('robot$ci:secret-1').toString('base64')}`
    registry.on(
      'GET',
      '/v2/',
      choose(({ headers }) =>
        headers.authorization === expected ? reply(200) : reply(401, { 'www-authenticate': 'Basic realm="harbor"' }),
      ),
    )
    await using client = testClient({
      logins: { [registry.host]: { kind: 'basic', username: 'robot$ci', password: 'secret-1' } },
    })
    await checkLogin(client, registry.host, limit().signal)
  })
})

describe('Artifactory', () => {
  it('names no scope in the challenge: the one that is needed is asked for', async () => {
    await using registry = await startFaultyRegistry()
    await using tokens = await startScriptedServer()
    const image = sampleImage()
    registry.memory.add('virtual/app', 'v1', image)
    tokens.on('GET', '/token', reply(200, {}, { token: 'tok' }))
    const refused = reply(401, { 'www-authenticate': `Bearer realm="${tokens.origin}/token",service="art"` })
    registry.on(
      'GET',
      /^\/v2\/./,
      choose(({ headers }) => (headers.authorization === 'Bearer tok' ? passThrough : refused)),
    )
    await using client = testClient({ logins: { [registry.host]: login } })
    const got = await getManifest(client, parseReference(`${registry.host}/virtual/app:v1`), limit())
    expect(got.descriptor.digest).toBe(image.digest)
    expect(new URLSearchParams(tokens.requests[0]?.path.split('?')[1]).getAll('scope')).toEqual([
      'repository:virtual/app:pull',
    ])
  })

  it('refuses to tell of a tag that a virtual repository lacks: a push goes on', async () => {
    await using registry = await startFaultyRegistry()
    registry.on('HEAD', /manifests/, reply(403))
    registry.on('GET', /manifests/, reply(403))
    await using client = testClient()
    const image = sampleImage()
    registry.memory.add('virtual/app', 'other', image)
    const reference = parseReference(`${registry.host}/virtual/app:v1`)
    await putManifest(
      client,
      reference,
      { bytes: image.bytes, descriptor: describeBytes(image.bytes, image.manifest.mediaType) },
      upload(),
    )
    expect(registry.count('PUT', /manifests\/v1/)).toBe(1)
  })
})

describe('Quay', () => {
  it('gives no token at all for a scope with delete: it is not asked for', async () => {
    await using registry = await startFaultyRegistry()
    await using tokens = await startScriptedServer()
    tokens.on(
      'GET',
      '/token',
      choose(({ url }) => (/delete/.test(url ?? '') ? reply(400) : reply(200, {}, { token: 'tok' }))),
    )
    const refused = reply(401, { 'www-authenticate': `Bearer realm="${tokens.origin}/token",service="quay"` })
    registry.on(
      'DELETE',
      /manifests/,
      choose(({ headers }) => (headers.authorization === 'Bearer tok' ? reply(202) : refused)),
    )
    await using client = testClient({ logins: { [registry.host]: login } })
    await deleteManifest(client, parseReference(`${registry.host}/app:v1`), limit())
    expect(registry.count('DELETE', /manifests/)).toBe(2)
  })
})

describe('Nexus', () => {
  it('has groups that only read: the refusal of an upload is told', async () => {
    await using registry = await startFaultyRegistry()
    registry.on('POST', /uploads/, refuse(405, 'UNSUPPORTED', 'group repositories are read-only'))
    await using client = testClient()
    await expect(uploadBlob(client, parseReference(`${registry.host}/app`), blob, upload())).rejects.toMatchObject({
      message: expect.stringContaining('group repositories are read-only') as string,
    })
  })
})
