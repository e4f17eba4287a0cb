import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseDigest, sha256 } from '../../src/oci/digest.ts'
import { encodeManifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import type { Descriptor, Manifest } from '../../src/oci/types.ts'
import { describe as describeContent, sampleImage } from '../helpers/registry-client.ts'
import type { SampleImage } from '../helpers/registry-client.ts'
import { servedRegistries } from '../helpers/served-registries.ts'
import type { ServedRegistry } from '../helpers/served-registries.ts'

/**
 * The requirements of the distribution specification, in its order: pull, push, discovery, management. The same cases run against
 * the handler over a storage in memory and over the store, and against docker-registry, which shows that they ask what others answer.
 */
interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

type Sent = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> }

async function ask(registry: ServedRegistry, method: string, path: string, init: Sent = {}): Promise<Answer> {
  const headers = { accept: `${mediaTypes.ociManifest}, ${mediaTypes.ociIndex}, */*`, ...init.headers }
  const response = await fetch(new URL(path, registry.origin), { method, ...init, headers })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

function code(answer: Answer): string {
  return (JSON.parse(answer.text) as { errors: [{ code: string }] }).errors[0].code
}

const none = sha256('nothing')
const octets = { 'content-type': 'application/octet-stream' }
const content = Buffer.from('some content of a blob')
const digest = sha256(content)

async function begin(registry: ServedRegistry, repository = 'team/a'): Promise<string> {
  const answer = await ask(registry, 'POST', `/v2/${repository}/blobs/uploads/`)
  expect(answer.status).toBe(202)
  return answer.headers.get('location') ?? ''
}

function closing(location: string, wanted: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(wanted)}`
}

async function pushBlob(registry: ServedRegistry, repository: string, bytes: Uint8Array): Promise<void> {
  const location = closing(await begin(registry, repository), sha256(bytes))
  const answer = await ask(registry, 'PUT', location, { body: Buffer.from(bytes), headers: octets })
  expect(answer.status).toBe(201)
}

function put(
  registry: ServedRegistry,
  repository: string,
  reference: string,
  body: string,
  type: string = mediaTypes.ociManifest,
): Promise<Answer> {
  return ask(registry, 'PUT', `/v2/${repository}/manifests/${reference}`, { body, headers: { 'content-type': type } })
}

async function pushImage(
  registry: ServedRegistry,
  repository: string,
  tag: string,
  image: SampleImage = sampleImage(),
): Promise<SampleImage> {
  for (const blob of [...image.layers, image.config]) await pushBlob(registry, repository, blob)
  expect((await put(registry, repository, tag, image.bytes.toString())).status).toBe(201)
  return image
}

/** Gives the digest of the manifest that was put in. */
async function pushManifest(registry: ServedRegistry, repository: string, manifest: Manifest): Promise<Descriptor> {
  const text = encodeManifest(manifest)
  const answer = await put(registry, repository, sha256(text), text)
  expect(answer.status).toBe(201)
  return { mediaType: manifest.mediaType, digest: sha256(text), size: Buffer.byteLength(text) }
}

describe.each(servedRegistries)('$name', ({ start, lacks }) => {
  const able = (feature: string): typeof it => (lacks.includes(feature) ? (it.skip as typeof it) : it)

  describe('pull', () => {
    it('serves manifests by tag and digest, HEAD as GET without a body', async () => {
      await using registry = await start()
      const image = await pushImage(registry, 'team/a', 'v1')
      expect((await ask(registry, 'GET', '/v2/')).status).toBe(200)
      for (const reference of ['v1', image.digest]) {
        const got = await ask(registry, 'GET', `/v2/team/a/manifests/${reference}`)
        expect(got).toMatchObject({ status: 200, text: image.bytes.toString() })
        expect(got.headers.get('content-type')).toBe(mediaTypes.ociManifest)
        expect(got.headers.get('docker-content-digest')).toBe(image.digest)
        const head = await ask(registry, 'HEAD', `/v2/team/a/manifests/${reference}`)
        expect(head).toMatchObject({ status: 200, text: '' })
        expect(head.headers.get('content-length')).toBe(String(image.bytes.byteLength))
      }
    })

    it('a manifest belongs to its repository', async () => {
      await using registry = await start()
      const image = await pushImage(registry, 'team/a', 'v1')
      await pushImage(registry, 'team/b', 'v1')
      expect((await ask(registry, 'GET', `/v2/team/b/manifests/${image.digest}`)).status).toBe(404)
    })

    it.for([
      ['GET', '/v2/team/a/manifests/none', 404, 'MANIFEST_UNKNOWN'],
      ['GET', `/v2/team/a/manifests/${none}`, 404, 'MANIFEST_UNKNOWN'],
      ['GET', `/v2/team/a/blobs/${none}`, 404, 'BLOB_UNKNOWN'],
      ['GET', '/v2/team/a/tags/list', 404, 'NAME_UNKNOWN'],
      ['PUT', `/v2/team/a/blobs/uploads/none?digest=${none}`, 404, 'BLOB_UPLOAD_UNKNOWN'],
      ['POST', '/v2/team/a/manifests/x', 405, 'UNSUPPORTED'],
      ['PUT', `/v2/team/a/blobs/${none}`, 405, 'UNSUPPORTED'],
      ['GET', '/v2/team/a/blobs/uploads/', 405, 'UNSUPPORTED'],
      ['GET', '/v2/team/a/blobs/sha256:short', 400, 'DIGEST_INVALID'],
      ['GET', '/v2/team/a/manifests/sha256:short', 400, 'DIGEST_INVALID'],
      ['GET', '/v2/team/a/manifests/.bad', 400, 'MANIFEST_INVALID'],
      ['GET', '/v2/A%20B/manifests/x', 400, 'NAME_INVALID'],
      ['GET', '/v2/team/a/..%2Fb/manifests/x', 400, 'NAME_INVALID'],
      ['GET', '/v2/%ff/manifests/x', 400, 'NAME_INVALID'],
      ['GET', '/v1/_ping', 404, 'NAME_UNKNOWN'],
      ['DELETE', '/v2/team/a/manifests/none', 404, 'MANIFEST_UNKNOWN'],
    ] as const)('%s %s is %i %s', async ([method, path, status, want]) => {
      if (lacks.includes('codes') && !['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN'].includes(want)) return
      if (lacks.includes('codes') && method === 'DELETE') return
      await using registry = await start()
      const answer = await ask(registry, method, path)
      expect(answer.status).toBe(status)
      expect(code(answer)).toBe(want)
    })

    it('serves ranges of blobs', async () => {
      await using registry = await start()
      const digits = Buffer.from('0123456789')
      await pushBlob(registry, 'team/a', digits)
      const path = `/v2/team/a/blobs/${sha256(digits)}`
      const range = (value: string): Promise<Answer> => ask(registry, 'GET', path, { headers: { range: value } })
      expect(await range('bytes=2-4')).toMatchObject({ status: 206, text: '234' })
      expect((await range('bytes=2-4')).headers.get('content-range')).toBe('bytes 2-4/10')
      expect(await range('bytes=7-')).toMatchObject({ status: 206, text: '789' })
      expect(await range('bytes=-3')).toMatchObject({ status: 206, text: '789' })
      if (!lacks.includes('codes')) {
        expect(await range('bytes=5-100')).toMatchObject({ status: 206, text: '56789' })
        expect((await range('bytes=10-')).status).toBe(416)
      }
      const head = await ask(registry, 'HEAD', path)
      expect(head.status).toBe(200)
      expect(head.headers.get('content-length')).toBe('10')
      expect(head.headers.get('docker-content-digest')).toBe(sha256(digits))
    })
  })

  describe('push of blobs', () => {
    const stored = async (registry: ServedRegistry): Promise<void> =>
      expect(await ask(registry, 'GET', `/v2/team/a/blobs/${digest}`)).toMatchObject({
        status: 200,
        text: content.toString(),
      })

    able('single POST')('monolithic in one POST', async () => {
      await using registry = await start()
      const path = `/v2/team/a/blobs/uploads/?digest=${digest}`
      const answer = await ask(registry, 'POST', path, { body: content, headers: octets })
      expect(answer.status).toBe(201)
      expect(answer.headers.get('location')).toContain(`/v2/team/a/blobs/${digest}`)
      await stored(registry)
    })

    it('POST, then PUT with all', async () => {
      await using registry = await start()
      const location = closing(await begin(registry), digest)
      expect((await ask(registry, 'PUT', location, { body: content, headers: octets })).status).toBe(201)
      await stored(registry)
      expect((await ask(registry, 'PUT', location)).status).toBe(404)
    })

    it('POST, PATCH with all, empty PUT', async () => {
      await using registry = await start()
      const patched = await ask(registry, 'PATCH', await begin(registry), { body: content, headers: octets })
      expect(patched.status).toBe(202)
      expect(patched.headers.get('range')).toBe(`0-${content.byteLength - 1}`)
      expect((await ask(registry, 'PUT', closing(patched.headers.get('location') ?? '', digest))).status).toBe(201)
      await stored(registry)
    })

    it('in chunks, the last one in the PUT', async () => {
      await using registry = await start()
      let location = await begin(registry)
      const chunk = (start: number, end: number): Sent => ({
        body: content.subarray(start, end),
        headers: { ...octets, 'content-range': `${start}-${end - 1}` },
      })
      const first = await ask(registry, 'PATCH', location, chunk(0, 5))
      expect(first.status).toBe(202)
      expect(first.headers.get('range')).toBe('0-4')
      location = first.headers.get('location') ?? ''
      if (!lacks.includes('order of chunks')) {
        const wrong = await ask(registry, 'PATCH', location, chunk(7, 9))
        expect(wrong.status).toBe(416)
        expect(wrong.headers.get('range')).toBe('0-4')
      }
      const state = await ask(registry, 'GET', location)
      expect(state.status).toBe(204)
      expect(state.headers.get('range')).toBe('0-4')
      const last = await ask(registry, 'PUT', closing(location, digest), chunk(5, content.byteLength))
      expect(last.status).toBe(201)
      await stored(registry)
    })

    it('an empty blob', async () => {
      await using registry = await start()
      await pushBlob(registry, 'team/a', Buffer.alloc(0))
      if (lacks.includes('empty blob')) return
      expect(await ask(registry, 'GET', `/v2/team/a/blobs/${sha256('')}`)).toMatchObject({ status: 200, text: '' })
    })

    it('refuses other content and forgets the session', async () => {
      await using registry = await start()
      const location = await begin(registry)
      const answer = await ask(registry, 'PUT', closing(location, none), { body: content, headers: octets })
      expect(answer.status).toBe(400)
      expect(code(answer)).toBe('DIGEST_INVALID')
      expect((await ask(registry, 'HEAD', `/v2/team/a/blobs/${none}`)).status).toBe(404)
      expect((await ask(registry, 'GET', location)).status).toBe(404)
    })

    it.for(['', 'x', 'sha256:short', 'md5:d41d8cd98f00b204e9800998ecf8427e'])(
      'refuses the digest "%s"',
      async (wrong) => {
        await using registry = await start()
        const location = closing(await begin(registry), wrong)
        expect((await ask(registry, 'PUT', location, { body: content, headers: octets })).status).toBe(400)
      },
    )

    it('can be given up', async () => {
      await using registry = await start()
      const location = await begin(registry)
      expect((await ask(registry, 'DELETE', location)).status).toBe(204)
      expect((await ask(registry, 'PATCH', location, { body: content })).status).toBe(404)
    })

    able('codes')('a session belongs to its repository', async () => {
      await using registry = await start()
      const location = await begin(registry)
      const foreign = location.replace('/v2/team/a/', '/v2/team/b/')
      expect((await ask(registry, 'PATCH', foreign, { body: content })).status).toBe(404)
    })

    it('mounts what is there, else opens an upload', async () => {
      await using registry = await start()
      await pushBlob(registry, 'team/a', content)
      const mount = (wanted: string): Promise<Answer> =>
        ask(registry, 'POST', `/v2/team/b/blobs/uploads/?mount=${wanted}&from=team/a`)
      const mounted = await mount(digest)
      expect(mounted.status).toBe(201)
      expect(mounted.headers.get('location')).toContain(`/v2/team/b/blobs/${digest}`)
      expect((await ask(registry, 'HEAD', `/v2/team/b/blobs/${digest}`)).status).toBe(200)
      expect((await mount(none)).status).toBe(202)
    })

    able('sha512')('takes sha512', async () => {
      await using registry = await start()
      const long = parseDigest(`sha512:${createHash('sha512').update(content).digest('hex')}`)
      const location = closing(await begin(registry), long)
      expect((await ask(registry, 'PUT', location, { body: content, headers: octets })).status).toBe(201)
      expect((await ask(registry, 'GET', `/v2/team/a/blobs/${long}`)).text).toBe(content.toString())
    })
  })

  describe('push of manifests', () => {
    it('wants the blobs first', async () => {
      await using registry = await start()
      const answer = await put(registry, 'team/a', 'v1', sampleImage().bytes.toString())
      expect([400, 404]).toContain(answer.status)
      expect(code(answer)).toBe('MANIFEST_BLOB_UNKNOWN')
      expect((await ask(registry, 'GET', '/v2/team/a/manifests/v1')).status).toBe(404)
    })

    able('foreign layers')('but not those of foreign layers', async () => {
      await using registry = await start()
      const image = sampleImage()
      for (const blob of [...image.layers, image.config]) await pushBlob(registry, 'team/a', blob)
      const foreign = { ...describeContent(content, 'application/vnd.oci.image.layer.nondistributable.v1.tar') }
      const text = encodeManifest({ ...image.manifest, layers: [...image.manifest.layers, foreign] })
      expect((await put(registry, 'team/a', 'v1', text)).status).toBe(201)
    })

    it('by tag and by digest', async () => {
      await using registry = await start()
      const image = await pushImage(registry, 'team/a', 'v1')
      const again = await put(registry, 'team/a', image.digest, image.bytes.toString())
      expect(again.status).toBe(201)
      expect(again.headers.get('docker-content-digest')).toBe(image.digest)
      expect(again.headers.get('location')).toContain(`/v2/team/a/manifests/${image.digest}`)
      const wrong = await put(registry, 'team/a', none, image.bytes.toString())
      expect(wrong.status).toBe(400)
      expect(code(wrong)).toBe('DIGEST_INVALID')
    })

    able('tag parameter')('by digest with tags beside it', async () => {
      await using registry = await start()
      const image = await pushImage(registry, 'team/a', 'v1')
      const answer = await put(registry, 'team/a', `${image.digest}?tag=x&tag=y`, image.bytes.toString())
      expect(answer.status).toBe(201)
      expect(answer.headers.get('oci-tag')).toBe('x, y')
      expect((await ask(registry, 'GET', '/v2/team/a/manifests/y')).text).toBe(image.bytes.toString())
      expect((await put(registry, 'team/a', `${image.digest}?tag=.x`, image.bytes.toString())).status).toBe(400)
    })

    it.for([
      ['no JSON', 'x', 'MANIFEST_INVALID'],
      ['no manifest', '{}', 'MANIFEST_INVALID'],
      ['too large', ' '.repeat(4 * 1024 * 1024 + 1), 'SIZE_INVALID'],
    ] as const)('refuses %s', async ([name, body, want]) => {
      if (lacks.includes('codes') && name !== 'no JSON') return
      await using registry = await start()
      const answer = await put(registry, 'team/a', 'v1', body)
      expect(answer.status).toBe(400)
      expect(code(answer)).toBe(want)
      expect((await ask(registry, 'GET', '/v2/team/a/manifests/v1')).status).toBe(404)
    })

    able('referrers')('lists referrers and tells the subject', async () => {
      await using registry = await start()
      const image = await pushImage(registry, 'team/a', 'v1')
      const subject = { mediaType: mediaTypes.ociManifest, digest: image.digest, size: image.bytes.byteLength }
      const annotations = { 'org.example.note': 'x' }
      const text = encodeManifest({ ...image.manifest, artifactType: 'application/x', subject, annotations })
      const answer = await put(registry, 'team/a', sha256(text), text)
      expect(answer.headers.get('oci-subject')).toBe(image.digest)
      const path = `/v2/team/a/referrers/${image.digest}`
      const list = await ask(registry, 'GET', `${path}?artifactType=application%2Fx`)
      expect(list.headers.get('content-type')).toBe(mediaTypes.ociIndex)
      expect(list.headers.get('oci-filters-applied')).toBe('artifactType')
      expect(JSON.parse(list.text)).toMatchObject({
        manifests: [{ digest: sha256(text), artifactType: 'application/x', annotations }],
      })
      expect(JSON.parse((await ask(registry, 'GET', `${path}?artifactType=y`)).text)).toMatchObject({ manifests: [] })
      expect((await ask(registry, 'GET', `/v2/team/a/referrers/${none}`)).status).toBe(200)
      expect((await ask(registry, 'GET', '/v2/team/a/referrers/sha256:x')).status).toBe(400)
      // A subject may come after what refers to it.
      await pushManifest(registry, 'team/a', { ...image.manifest, subject: { ...subject, digest: none, size: 7 } })
      expect(JSON.parse((await ask(registry, 'GET', `/v2/team/a/referrers/${none}`)).text)).toMatchObject({
        manifests: [{ artifactType: mediaTypes.ociConfig }],
      })
    })
  })

  describe('discovery', () => {
    it('pages tags', async () => {
      await using registry = await start()
      const image = sampleImage()
      for (const tag of ['c', 'a', 'd', 'b']) await pushImage(registry, 'team/a', tag, image)
      const first = await ask(registry, 'GET', '/v2/team/a/tags/list?n=2')
      if (!lacks.includes('pages of tags')) {
        expect(JSON.parse(first.text)).toEqual({ name: 'team/a', tags: ['a', 'b'] })
        const next = /<([^>]+)>; *rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
        const second = await ask(registry, 'GET', next)
        expect(JSON.parse(second.text)).toEqual({ name: 'team/a', tags: ['c', 'd'] })
        expect(second.headers.get('link')).toBeNull()
        expect(JSON.parse((await ask(registry, 'GET', '/v2/team/a/tags/list?n=0')).text)).toEqual({
          name: 'team/a',
          tags: [],
        })
        expect((await ask(registry, 'GET', '/v2/team/a/tags/list?n=x')).status).toBe(400)
      }
      const all = JSON.parse((await ask(registry, 'GET', '/v2/team/a/tags/list')).text) as { readonly tags: string[] }
      expect(lacks.includes('pages of tags') ? all.tags.sort() : all.tags).toEqual(['a', 'b', 'c', 'd'])
      expect(JSON.parse((await ask(registry, 'GET', '/v2/_catalog')).text)).toEqual({ repositories: ['team/a'] })
    })
  })

  describe('management', () => {
    able('deletion of tags')('deletes a tag alone', async () => {
      await using registry = await start()
      const image = sampleImage()
      for (const tag of ['x', 'y']) await pushImage(registry, 'team/a', tag, image)
      expect((await ask(registry, 'DELETE', '/v2/team/a/manifests/x')).status).toBe(202)
      expect((await ask(registry, 'GET', '/v2/team/a/manifests/x')).status).toBe(404)
      expect((await ask(registry, 'GET', '/v2/team/a/manifests/y')).status).toBe(200)
    })

    it('deletes a manifest with its tags', async () => {
      await using registry = await start()
      const image = await pushImage(registry, 'team/a', 'y')
      expect((await ask(registry, 'DELETE', `/v2/team/a/manifests/${image.digest}`)).status).toBe(202)
      expect((await ask(registry, 'GET', '/v2/team/a/manifests/y')).status).toBe(404)
      expect((await ask(registry, 'GET', `/v2/team/a/manifests/${image.digest}`)).status).toBe(404)
    })

    able('indexes stay whole')('keeps a manifest that an index names', async () => {
      await using registry = await start()
      const image = await pushImage(registry, 'team/a', 'one')
      const entry = { mediaType: mediaTypes.ociManifest, digest: image.digest, size: image.bytes.byteLength }
      const index = encodeManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] })
      expect((await put(registry, 'team/a', 'all', index, mediaTypes.ociIndex)).status).toBe(201)
      const path = `/v2/team/a/manifests/${image.digest}`
      expect((await ask(registry, 'DELETE', path)).status).toBe(405)
      expect((await ask(registry, 'GET', path)).status).toBe(200)
      expect((await ask(registry, 'DELETE', `/v2/team/a/manifests/${sha256(index)}`)).status).toBe(202)
      expect((await ask(registry, 'DELETE', path)).status).toBe(202)
    })
  })
})
