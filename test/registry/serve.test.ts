import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseDigest, sha256 } from '../../src/oci/digest.ts'
import { encodeManifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { sampleImage } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import type { FaultyRegistry } from '../helpers/registry-memory.ts'

/** The requirements of the distribution specification 1.1, in its order: pull, push, discovery, management. */
interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function ask(registry: FaultyRegistry, method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(new URL(path, registry.origin), { method, ...init })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

function code(answer: Answer): string {
  return (JSON.parse(answer.text) as { errors: [{ code: string }] }).errors[0].code
}

const none = sha256('nothing')
const octets = { 'content-type': 'application/octet-stream' }

describe('pull', () => {
  it('serves manifests by tag and digest, HEAD as GET without a body', async () => {
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    registry.memory.add('a/b', 'v1', image)
    for (const reference of ['v1', image.digest]) {
      const got = await ask(registry, 'GET', `/v2/a/b/manifests/${reference}`)
      expect(got).toMatchObject({ status: 200, text: image.bytes.toString() })
      expect(got.headers.get('content-type')).toBe(mediaTypes.ociManifest)
      expect(got.headers.get('docker-content-digest')).toBe(image.digest)
      const head = await ask(registry, 'HEAD', `/v2/a/b/manifests/${reference}`)
      expect(head).toMatchObject({ status: 200, text: '' })
      expect(head.headers.get('content-length')).toBe(String(image.bytes.byteLength))
    }
  })

  it.for([
    ['GET', '/v2/a/manifests/none', 404, 'MANIFEST_UNKNOWN'],
    ['GET', `/v2/a/manifests/${none}`, 404, 'MANIFEST_UNKNOWN'],
    ['GET', `/v2/a/blobs/${none}`, 404, 'BLOB_UNKNOWN'],
    ['GET', '/v2/a/tags/list', 404, 'NAME_UNKNOWN'],
    ['GET', '/v2/a/blobs/sha256:short', 400, 'DIGEST_INVALID'],
    ['GET', '/v2/a/manifests/sha256:short', 400, 'DIGEST_INVALID'],
    ['GET', '/v2/a/manifests/.bad', 400, 'MANIFEST_INVALID'],
    ['GET', '/v2/A%20B/manifests/x', 400, 'NAME_INVALID'],
    ['GET', '/v2/a/..%2Fb/manifests/x', 400, 'NAME_INVALID'],
    ['GET', '/v2/%ff/manifests/x', 400, 'NAME_INVALID'],
    ['GET', '/v1/_ping', 404, 'NAME_UNKNOWN'],
    ['POST', '/v2/a/manifests/x', 405, 'UNSUPPORTED'],
    ['PUT', `/v2/a/blobs/${none}`, 405, 'UNSUPPORTED'],
    ['GET', '/v2/a/blobs/uploads/', 405, 'UNSUPPORTED'],
    ['GET', '/v2/a/blobs/uploads/none', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['PUT', `/v2/a/blobs/uploads/none?digest=${none}`, 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['DELETE', '/v2/a/manifests/none', 404, 'MANIFEST_UNKNOWN'],
  ] as const)('%s %s is %i %s', async ([method, path, status, want]) => {
    await using registry = await startFaultyRegistry()
    const answer = await ask(registry, method, path)
    expect(answer.status).toBe(status)
    expect(code(answer)).toBe(want)
  })

  it('serves ranges of blobs', async () => {
    await using registry = await startFaultyRegistry()
    const content = Buffer.from('0123456789')
    registry.memory.blobs.set(sha256(content), content)
    const path = `/v2/a/blobs/${sha256(content)}`
    const range = (value: string): Promise<Answer> => ask(registry, 'GET', path, { headers: { range: value } })
    expect(await range('bytes=2-4')).toMatchObject({ status: 206, text: '234' })
    expect((await range('bytes=2-4')).headers.get('content-range')).toBe('bytes 2-4/10')
    expect(await range('bytes=7-')).toMatchObject({ status: 206, text: '789' })
    expect(await range('bytes=-3')).toMatchObject({ status: 206, text: '789' })
    expect(await range('bytes=5-100')).toMatchObject({ status: 206, text: '56789' })
    expect(await range('bytes=0-1,3-4')).toMatchObject({ status: 200, text: '0123456789' })
    expect((await range('bytes=10-')).status).toBe(416)
    expect((await ask(registry, 'GET', '/v2/')).status).toBe(200)
  })
})

describe('push of blobs', () => {
  const content = Buffer.from('some content of a blob')
  const digest = sha256(content)

  async function begin(registry: FaultyRegistry, query = ''): Promise<string> {
    const answer = await ask(registry, 'POST', `/v2/a/blobs/uploads/${query}`)
    expect(answer.status).toBe(202)
    return answer.headers.get('location') ?? ''
  }

  it('monolithic in one POST', async () => {
    await using registry = await startFaultyRegistry()
    const answer = await ask(registry, 'POST', `/v2/a/blobs/uploads/?digest=${digest}`, {
      body: content,
      headers: octets,
    })
    expect(answer.status).toBe(201)
    expect(registry.memory.blobs.get(digest)?.toString()).toBe(content.toString())
  })

  it('POST, then PUT with all', async () => {
    await using registry = await startFaultyRegistry()
    const location = await begin(registry)
    expect(
      (await ask(registry, 'PUT', `${location}?digest=${digest}`, { body: content, headers: octets })).status,
    ).toBe(201)
    expect(registry.memory.blobs.has(digest)).toBe(true)
    expect((await ask(registry, 'PUT', `${location}?digest=${digest}`)).status).toBe(404)
  })

  it('in chunks, in order only', async () => {
    await using registry = await startFaultyRegistry()
    const location = await begin(registry)
    const patch = (start: number, end: number): Promise<Answer> =>
      ask(registry, 'PATCH', location, {
        body: content.subarray(start, end),
        headers: { ...octets, 'content-range': `${start}-${end - 1}` },
      })
    const first = await patch(0, 5)
    expect(first.status).toBe(202)
    expect(first.headers.get('range')).toBe('0-4')
    expect((await patch(7, 9)).status).toBe(416)
    expect((await ask(registry, 'GET', location)).headers.get('range')).toBe('0-4')
    expect((await patch(5, content.byteLength)).status).toBe(202)
    expect((await ask(registry, 'PUT', `${location}?digest=${digest}`)).status).toBe(201)
  })

  it('refuses other content and forgets the session', async () => {
    await using registry = await startFaultyRegistry()
    const location = await begin(registry)
    const answer = await ask(registry, 'PUT', `${location}?digest=${none}`, { body: content, headers: octets })
    expect(answer.status).toBe(400)
    expect(code(answer)).toBe('DIGEST_INVALID')
    expect(registry.memory.blobs.size).toBe(0)
    expect((await ask(registry, 'GET', location)).status).toBe(404)
  })

  it('can be given up', async () => {
    await using registry = await startFaultyRegistry()
    const location = await begin(registry)
    expect((await ask(registry, 'DELETE', location)).status).toBe(204)
    expect((await ask(registry, 'PATCH', location, { body: content })).status).toBe(404)
  })

  it('a session belongs to its repository', async () => {
    await using registry = await startFaultyRegistry()
    const location = await begin(registry)
    expect((await ask(registry, 'PATCH', location.replace('/v2/a/', '/v2/b/'), { body: content })).status).toBe(404)
  })

  it('mounts what is there, else opens an upload', async () => {
    await using registry = await startFaultyRegistry()
    registry.memory.blobs.set(digest, content)
    expect((await ask(registry, 'POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`)).status).toBe(201)
    expect((await ask(registry, 'POST', `/v2/b/blobs/uploads/?mount=${none}&from=a`)).status).toBe(202)
  })

  it('takes sha512', async () => {
    await using registry = await startFaultyRegistry()
    const long = parseDigest(`sha512:${createHash('sha512').update(content).digest('hex')}`)
    expect(
      (await ask(registry, 'POST', `/v2/a/blobs/uploads/?digest=${long}`, { body: content, headers: octets })).status,
    ).toBe(201)
    expect((await ask(registry, 'GET', `/v2/a/blobs/${long}`)).text).toBe(content.toString())
  })
})

describe('push of manifests', () => {
  const put = (registry: FaultyRegistry, reference: string, body: string | Uint8Array<ArrayBuffer>): Promise<Answer> =>
    ask(registry, 'PUT', `/v2/a/manifests/${reference}`, { body, headers: { 'content-type': mediaTypes.ociManifest } })

  it('wants the blobs first', async () => {
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    const answer = await put(registry, 'v1', image.bytes.toString())
    expect(answer.status).toBe(404)
    expect(code(answer)).toBe('MANIFEST_BLOB_UNKNOWN')
  })

  it('by tag and by digest', async () => {
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    registry.memory.add('other', 'x', image)
    expect((await put(registry, 'v1', image.bytes.toString())).headers.get('docker-content-digest')).toBe(image.digest)
    expect((await put(registry, image.digest, image.bytes.toString())).status).toBe(201)
    const wrong = await put(registry, none, image.bytes.toString())
    expect(wrong.status).toBe(400)
    expect(code(wrong)).toBe('DIGEST_INVALID')
  })

  it.for([
    ['no JSON', 'x', 'MANIFEST_INVALID'],
    ['no manifest', '{}', 'MANIFEST_INVALID'],
    ['too large', ' '.repeat(4 * 1024 * 1024 + 1), 'SIZE_INVALID'],
  ] as const)('refuses %s', async ([, body, want]) => {
    await using registry = await startFaultyRegistry()
    const answer = await put(registry, 'v1', body)
    expect(answer.status).toBe(400)
    expect(code(answer)).toBe(want)
    expect(registry.memory.manifests.size).toBe(0)
  })

  it('lists referrers and tells the subject', async () => {
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    registry.memory.add('a', 'v1', image)
    const subject = { mediaType: mediaTypes.ociManifest, digest: image.digest, size: image.bytes.byteLength }
    const text = encodeManifest({ ...image.manifest, artifactType: 'application/x', subject })
    expect((await put(registry, sha256(text), text)).headers.get('oci-subject')).toBe(image.digest)
    const list = await ask(registry, 'GET', `/v2/a/referrers/${image.digest}?artifactType=application%2Fx`)
    expect(list.headers.get('content-type')).toBe(mediaTypes.ociIndex)
    expect(list.headers.get('oci-filters-applied')).toBe('artifactType')
    expect(JSON.parse(list.text)).toMatchObject({
      manifests: [{ digest: sha256(text), artifactType: 'application/x' }],
    })
    expect(
      JSON.parse((await ask(registry, 'GET', `/v2/a/referrers/${image.digest}?artifactType=y`)).text),
    ).toMatchObject({ manifests: [] })
    expect((await ask(registry, 'GET', `/v2/a/referrers/${none}`)).status).toBe(200)
  })
})

describe('discovery and management', () => {
  it('pages tags', async () => {
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    for (const tag of ['c', 'a', 'd', 'b']) registry.memory.add('a', tag, image)
    const first = await ask(registry, 'GET', '/v2/a/tags/list?n=2')
    expect(JSON.parse(first.text)).toEqual({ name: 'a', tags: ['a', 'b'] })
    const next = /<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
    const second = await ask(registry, 'GET', next)
    expect(JSON.parse(second.text)).toEqual({ name: 'a', tags: ['c', 'd'] })
    expect(second.headers.get('link')).toBeNull()
    expect(JSON.parse((await ask(registry, 'GET', '/v2/a/tags/list?n=0')).text)).toEqual({ name: 'a', tags: [] })
    expect((await ask(registry, 'GET', '/v2/a/tags/list?n=x')).status).toBe(400)
    expect(JSON.parse((await ask(registry, 'GET', '/v2/_catalog')).text)).toEqual({ repositories: ['a'] })
  })

  it('deletes a tag alone, and a manifest with its tags', async () => {
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    for (const tag of ['x', 'y']) registry.memory.add('a', tag, image)
    expect((await ask(registry, 'DELETE', '/v2/a/manifests/x')).status).toBe(202)
    expect((await ask(registry, 'GET', '/v2/a/manifests/y')).status).toBe(200)
    expect((await ask(registry, 'DELETE', `/v2/a/manifests/${image.digest}`)).status).toBe(202)
    expect((await ask(registry, 'GET', '/v2/a/manifests/y')).status).toBe(404)
  })
})
