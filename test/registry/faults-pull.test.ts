import { beforeAll, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/base/error-codes.ts'
import { TsbuildError } from '../../src/base/errors.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { openTestImages } from '../helpers/image-store.ts'
import type { TestImages } from '../helpers/image-store.ts'
import { impatient, testClient } from '../helpers/registry-client.ts'
import type { SampleImage, TestClientOptions } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import type { FaultyRegistry } from '../helpers/registry-memory.ts'
import {
  drip,
  drop,
  endless,
  passThrough,
  raw,
  refuse,
  reply,
  stall,
  stalledBody,
  truncated,
} from '../helpers/registry-script.ts'
import type { Reply } from '../helpers/registry-script.ts'
import { tarImage } from '../helpers/tar-image.ts'

/** Where in a pull a fault happens. */
type Phase = 'head' | 'manifest' | 'config' | 'layer'
const phases: readonly Phase[] = ['head', 'manifest', 'config', 'layer']

interface Place {
  readonly method: string
  readonly path: string
  /** What the registry would have sent. */
  readonly content: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

let image: SampleImage

beforeAll(async () => {
  image = await tarImage([{ 'a.txt': 'a'.repeat(5000) }, { 'b.txt': 'b' }], { compression: 'none' })
})

function placeOf(phase: Phase): Place {
  const { config, layers } = image.manifest
  const manifest = { 'content-type': mediaTypes.ociManifest, 'docker-content-digest': image.digest }
  switch (phase) {
    case 'head':
      return { method: 'HEAD', path: '/v2/app/manifests/v1', content: image.bytes, headers: manifest }
    case 'manifest':
      return { method: 'GET', path: `/v2/app/manifests/${image.digest}`, content: image.bytes, headers: manifest }
    case 'config':
      return { method: 'GET', path: `/v2/app/blobs/${config.digest}`, content: image.config, headers: {} }
    case 'layer':
      return {
        method: 'GET',
        path: `/v2/app/blobs/${layers[0]?.digest ?? ''}`,
        content: image.layers[0] ?? Buffer.alloc(0),
        headers: {},
      }
  }
}

interface Attempt {
  readonly registry: FaultyRegistry
  readonly images: TestImages
  readonly waits: readonly number[]
  readonly error: TsbuildError | undefined
}

/** Pulls app:v1 from a registry whose `place` answers by the script; then checks what must hold after any pull. */
async function pullWith(
  script: (registry: FaultyRegistry) => void,
  check: (attempt: Attempt) => void | Promise<void>,
  options: TestClientOptions = {},
): Promise<void> {
  await using registry = await startFaultyRegistry()
  registry.memory.add('app', 'v1', image)
  script(registry)
  await using client = testClient(options)
  await using images = await openTestImages(client)
  const reference = parseReference(`${registry.host}/app:v1`)
  const outcome = await images.images.pull(reference, images.pullOptions).catch((error: unknown) => error)
  const error = outcome instanceof TsbuildError ? outcome : undefined
  if (error === undefined && outcome instanceof Error) throw outcome
  if (error === undefined) {
    expect(images.visible()).toEqual({
      refs: [`${registry.host}/app:v1`, `${registry.host}/app@${image.digest}`],
      images: 1,
      snapshots: 2,
    })
  } else {
    expect(images.visible()).toMatchObject({ refs: [], images: 0 })
    expect(error.message.startsWith('Cannot ')).toBe(true)
    expect(error.message).not.toContain('\u001b')
  }
  expect(images.corruptBlobs()).toEqual([])
  expect(images.leftovers()).toEqual([])
  await check({ registry, images, waits: client.waits, error })
}

describe('a fault that passes', () => {
  const faults: Readonly<Record<string, (place: Place) => Reply>> = {
    'status 408': () => reply(408),
    'status 429': () => reply(429),
    'status 429 with seconds': () => reply(429, { 'retry-after': '2' }),
    'status 429 with a date': () => reply(429, { 'retry-after': new Date(Date.now() + 3000).toUTCString() }),
    'status 500': () => refuse(500, 'UNKNOWN', 'try again'),
    'status 502': () => reply(502, { 'content-type': 'text/html' }, '<html>bad gateway</html>'),
    'status 503': () => reply(503),
    'status 504': () => reply(504),
    'status 522 of a proxy': () => reply(522),
    'a reset': () => drop(),
    'no answer at all': () => stall,
    'an end in the middle': ({ content, headers }) =>
      truncated(200, content, Math.floor(content.byteLength / 2), headers),
    'an end before the first byte': ({ content, headers }) => truncated(200, content, 0, headers),
    'a stop in the middle': ({ content, headers }) => stalledBody(200, content, 100, headers),
  }
  const silent = new Set(['no answer at all', 'a stop in the middle'])
  const table = phases.flatMap((phase) => Object.keys(faults).map((name) => [phase, name] as const))
  // HEAD has no body that could break.
  const cases = table.filter(([phase, name]) => phase !== 'head' || !/ in the middle$|first byte/.test(name))

  it.concurrent.for(cases)('%s: %s', async ([phase, name]) => {
    const place = placeOf(phase)
    await pullWith(
      (registry) => registry.on(place.method, place.path, faults[name]!(place), passThrough),
      ({ error, registry, waits }) => {
        expect(error).toBeUndefined()
        const count = registry.count(place.method, place.path)
        if (silent.has(name)) expect(count).toBeGreaterThanOrEqual(2)
        else expect(count).toBe(2)
        expect(waits.length).toBeGreaterThan(0)
      },
      silent.has(name) ? impatient : {},
    )
  })
})

describe('a fault that stays', () => {
  const faults: readonly (readonly [
    name: string,
    fault: Reply | ((place: Place) => Reply),
    code: ErrorCode,
    attempts: number,
  ])[] = [
    ['status 429', () => reply(429), 'REGISTRY_THROTTLED', 7],
    ['status 429, wait an hour', () => reply(429, { 'retry-after': '3600' }), 'REGISTRY_THROTTLED', 1],
    [
      'status 429, wait until 2100',
      () => reply(429, { 'retry-after': 'Fri, 01 Jan 2100 00:00:00 GMT' }),
      'REGISTRY_THROTTLED',
      1,
    ],
    ['status 500', () => refuse(500, 'UNKNOWN', 'broken'), 'REGISTRY_UNAVAILABLE', 5],
    ['status 503', () => reply(503), 'REGISTRY_UNAVAILABLE', 5],
    ['status 501', () => reply(501), 'REGISTRY_UNSUPPORTED', 1],
    ['status 403', () => refuse(403, 'DENIED', 'no'), 'REGISTRY_DENIED', 1],
    ['status 404', () => refuse(404, 'MANIFEST_UNKNOWN', 'none'), 'REGISTRY_NOT_FOUND', 1],
    ['status 400', () => refuse(400, 'NAME_INVALID', 'bad'), 'REGISTRY_REFUSED', 1],
    ['status 401 without a challenge', () => reply(401), 'REGISTRY_UNAUTHORIZED', 1],
    ['status 302 to nowhere', () => reply(302), 'REGISTRY_PROTOCOL', 1],
    ['a reset', () => drop(), 'REGISTRY_UNREACHABLE', 5],
    ['no answer at all', () => stall, 'REGISTRY_TIMEOUT', 3],
    ['no HTTP', () => raw('SSH-2.0-OpenSSH_9.9\r\n'), 'REGISTRY_PROTOCOL', 1],
    ['headers of 100 KiB', () => reply(200, { 'x-long': 'x'.repeat(100 * 1024) }), 'REGISTRY_PROTOCOL', 1],
  ]
  const cases = phases.flatMap((phase) => faults.map((fault) => [phase, ...fault] as const))

  it.concurrent.for(cases)('%s: %s', async ([phase, name, fault, code, attempts]) => {
    const place = placeOf(phase)
    await pullWith(
      (registry) => {
        registry.on(place.method, place.path, (fault as (place: Place) => Reply)(place))
        // A refused or missing HEAD is asked again by GET, whose answer has a text.
        if (phase === 'head') registry.on('GET', '/v2/app/manifests/v1', (fault as (place: Place) => Reply)(place))
      },
      ({ error, registry }) => {
        expect(error?.code).toBe(code)
        expect(error?.message).toMatch(/^Cannot (pull|reach|follow)/)
        expect(registry.count(place.method, place.path)).toBe(attempts)
      },
      name === 'no answer at all' ? impatient : {},
    )
  })
})

describe('a body that is wrong', () => {
  const bodies: readonly (readonly [Phase, string, (place: Place) => Reply, ErrorCode])[] = [
    ['manifest', 'other bytes', ({ headers }) => reply(200, headers, '{"schemaVersion":2}'), 'DIGEST_MISMATCH'],
    [
      'manifest',
      'a login page',
      () => reply(200, { 'content-type': 'text/html' }, '<html>log in</html>'),
      'DIGEST_MISMATCH',
    ],
    ['manifest', 'nothing', () => reply(200), 'DIGEST_MISMATCH'],
    ['manifest', '5 MiB', ({ headers }) => reply(200, headers, Buffer.alloc(5 * 1024 * 1024)), 'REGISTRY_TOO_LARGE'],
    ['manifest', 'no end', ({ headers }) => endless(200, headers), 'REGISTRY_TOO_LARGE'],
    ['manifest', 'a drip', ({ headers }) => drip(200, 50, headers), 'REGISTRY_TIMEOUT'],
    ['config', 'other bytes', ({ content }) => reply(200, {}, flip(content)), 'DIGEST_MISMATCH'],
    ['config', 'too much', ({ content }) => reply(200, {}, Buffer.concat([content, content])), 'SIZE_MISMATCH'],
    ['config', 'no end', () => endless(200), 'SIZE_MISMATCH'],
    [
      'config',
      'a drip',
      ({ content }) => drip(200, 50, { 'content-length': String(content.byteLength) }),
      'REGISTRY_TIMEOUT',
    ],
    ['layer', 'other bytes', ({ content }) => reply(200, {}, flip(content)), 'DIGEST_MISMATCH'],
    ['layer', 'too little', ({ content }) => reply(200, {}, content.subarray(1)), 'SIZE_MISMATCH'],
    ['layer', 'too much', ({ content }) => reply(200, {}, Buffer.concat([content, content])), 'SIZE_MISMATCH'],
    ['layer', 'no end', () => endless(200), 'SIZE_MISMATCH'],
    [
      'layer',
      'a drip',
      ({ content }) => drip(200, 50, { 'content-length': String(content.byteLength) }),
      'REGISTRY_TIMEOUT',
    ],
    [
      'layer',
      'a login page',
      () => reply(200, { 'content-type': 'text/html' }, '<html>log in</html>'),
      'SIZE_MISMATCH',
    ],
  ]

  it.concurrent.for(bodies)('%s: %s for ever', async ([phase, name, fault, code]) => {
    const place = placeOf(phase)
    await pullWith(
      (registry) => registry.on(place.method, place.path, fault(place)),
      ({ error }) => expect(error?.code).toBe(code),
      name === 'a drip' ? impatient : {},
    )
  })

  it.concurrent.for(bodies.filter(([, name]) => name !== 'no end' && name !== '5 MiB'))(
    '%s: %s once',
    async ([phase, name, fault]) => {
      const place = placeOf(phase)
      await pullWith(
        (registry) => registry.on(place.method, place.path, fault(place), passThrough),
        ({ error }) => expect(error).toBeUndefined(),
        name === 'a drip' ? impatient : {},
      )
    },
  )
})

describe('resuming', () => {
  it('goes on by Range where the connection broke, as often as there is progress', async () => {
    const place = placeOf('layer')
    const cut =
      (bytes: number): Reply =>
      async (request, response, seen) => {
        const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
        const rest = place.content.subarray(start)
        const headers = {
          'content-range': `bytes ${start}-${place.content.byteLength - 1}/${place.content.byteLength}`,
        }
        await truncated(start === 0 ? 200 : 206, rest, bytes, headers)(request, response, seen)
      }
    await pullWith(
      (registry) => registry.on(place.method, place.path, ...Array.from({ length: 9 }, () => cut(500)), passThrough),
      ({ error, registry }) => {
        expect(error).toBeUndefined()
        const starts = registry.requests.filter(({ path }) => path === place.path).map(({ headers }) => headers.range)
        expect(starts).toEqual([undefined, ...Array.from({ length: 9 }, (_, at) => `bytes=${(at + 1) * 500}-`)])
      },
    )
  })

  it.for<[string, (content: Uint8Array) => Reply]>([
    ['Range is ignored', (content) => reply(200, {}, content)],
    ['416', () => reply(416)],
    [
      'another range',
      (content) => reply(206, { 'content-range': `bytes 0-9/${content.byteLength}` }, content.subarray(0, 10)),
    ],
    ['206 without a range', (content) => reply(206, {}, content)],
  ])('%s: begins anew', async ([, answer]) => {
    const place = placeOf('layer')
    await pullWith(
      (registry) =>
        registry.on(place.method, place.path, truncated(200, place.content, 1000), answer(place.content), passThrough),
      ({ error }) => expect(error).toBeUndefined(),
    )
  })

  it('a later process goes on with what an earlier one left', async () => {
    const place = placeOf('layer')
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'v1', image)
    registry.on(place.method, place.path, truncated(200, place.content, 2000), refuse(404, 'BLOB_UNKNOWN', 'gone'))
    await using client = testClient()
    await using images = await openTestImages(client)
    const reference = parseReference(`${registry.host}/app:v1`)
    await expect(images.images.pull(reference, images.pullOptions)).rejects.toMatchObject({
      code: 'REGISTRY_NOT_FOUND',
    })
    registry.on(place.method, place.path, passThrough)
    {
      await using second = await openTestImages(client, images.root)
      await second.images.pull(reference, second.pullOptions)
    }
    const last = registry.requests.findLast(({ path }) => path === place.path)
    expect(last?.headers.range).toBe('bytes=2000-')
    expect(images.corruptBlobs()).toEqual([])
  })

  it('a partial blob that rotted is thrown away and fetched again', async () => {
    const place = placeOf('layer')
    await pullWith(
      (registry) =>
        registry.on(
          place.method,
          place.path,
          truncated(200, flip(place.content), 2000),
          refuse(500, 'UNKNOWN', 'x'),
          passThrough,
        ),
      ({ error, registry }) => {
        expect(error).toBeUndefined()
        expect(registry.requests.findLast(({ path }) => path === place.path)?.headers.range).toBeUndefined()
      },
    )
  })
})

describe('documents that break the rules', () => {
  const broken: readonly (readonly [string, Parameters<typeof tarImage>[1], ErrorCode])[] = [
    [
      'fewer DiffIDs than layers',
      { config: (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: [] } }) },
      'MANIFEST_INVALID',
    ],
    [
      'another DiffID',
      { config: (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] } }) },
      'DIGEST_MISMATCH',
    ],
    ['a config that is no object', { config: () => [] as never }, 'CONFIG_INVALID'],
    [
      'a layer that is no file system',
      { manifest: (m) => ({ ...m, layers: [{ ...m.layers[0]!, mediaType: 'text/plain' }] }) },
      'MANIFEST_UNSUPPORTED',
    ],
    [
      'an artifact',
      { manifest: (m) => ({ ...m, config: { ...m.config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } }) },
      'MANIFEST_UNSUPPORTED',
    ],
    [
      'a size that is too small',
      { manifest: (m) => ({ ...m, layers: [{ ...m.layers[0]!, size: 7 }] }) },
      'SIZE_MISMATCH',
    ],
    [
      'a size that is too large',
      { manifest: (m) => ({ ...m, layers: [{ ...m.layers[0]!, size: 1_000_000 }] }) },
      'SIZE_MISMATCH',
    ],
    ['a huge config', { manifest: (m) => ({ ...m, config: { ...m.config, size: 1e12 } }) }, 'REGISTRY_TOO_LARGE'],
    ['schema 1', { manifest: (m) => ({ ...m, schemaVersion: 1 as never }) }, 'MANIFEST_UNSUPPORTED'],
    [
      'a blob that is not there',
      {
        manifest: (m) => ({
          ...m,
          layers: [
            { ...m.layers[0]!, digest: m.layers[0]!.digest.replace(/.$/, (c) => (c === '0' ? '1' : '0')) as never },
          ],
        }),
      },
      'REGISTRY_NOT_FOUND',
    ],
  ]

  it.for(broken)('%s', async ([name, options, code]) => {
    const bad = await tarImage(undefined, { compression: 'none', ...options })
    await using registry = await startFaultyRegistry()
    bad.layers.forEach((layer, at) => registry.memory.blobs.set(bad.manifest.layers[at]!.digest, layer))
    const honest = await tarImage(undefined, { compression: 'none' })
    registry.memory.add('honest', 'v1', honest)
    registry.memory.blobs.set(bad.manifest.config.digest, bad.config)
    if (name === 'a blob that is not there') registry.memory.blobs.delete(bad.manifest.layers[0]!.digest)
    registry.memory.manifests.set('app:v1', { mediaType: mediaTypes.ociManifest, digest: bad.digest, bytes: bad.bytes })
    registry.memory.manifests.set(`app@${bad.digest}`, {
      mediaType: mediaTypes.ociManifest,
      digest: bad.digest,
      bytes: bad.bytes,
    })
    await using client = testClient()
    await using images = await openTestImages(client)
    await expect(
      images.images.pull(parseReference(`${registry.host}/app:v1`), images.pullOptions),
    ).rejects.toMatchObject({ code })
    expect(images.visible()).toEqual({ refs: [], images: 0, snapshots: 0 })
    expect(images.corruptBlobs()).toEqual([])
    expect(images.leftovers()).toEqual([])
  })

  it('an index that contains itself by nesting is cut off', async () => {
    await using registry = await startFaultyRegistry()
    let inner = { mediaType: mediaTypes.ociManifest as string, digest: image.digest, size: image.bytes.byteLength }
    registry.memory.add('app', 'inner', image)
    const { sha256 } = await import('../../src/oci/digest.ts')
    for (let depth = 0; depth < 6; depth += 1) {
      const entry = { ...inner, platform: { os: 'linux', architecture: 'amd64' } }
      const bytes = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] }),
      )
      inner = { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), size: bytes.byteLength }
      const served = { mediaType: mediaTypes.ociIndex, digest: inner.digest, bytes }
      registry.memory.manifests.set(`app@${inner.digest}`, served)
      registry.memory.manifests.set('app:deep', served)
    }
    await using client = testClient()
    await using images = await openTestImages(client)
    await expect(
      images.images.pull(parseReference(`${registry.host}/app:deep`), images.pullOptions),
    ).rejects.toMatchObject({ code: 'MANIFEST_INVALID' })
    expect(images.visible()).toEqual({ refs: [], images: 0, snapshots: 0 })
  })

  it('a platform that is not offered names those that are', async () => {
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'inner', image)
    const entry = {
      mediaType: mediaTypes.ociManifest,
      digest: image.digest,
      size: image.bytes.byteLength,
      platform: { os: 'linux', architecture: 's390x' },
    }
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] }))
    const { sha256 } = await import('../../src/oci/digest.ts')
    const served = { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), bytes }
    registry.memory.manifests.set('app:v1', served)
    registry.memory.manifests.set(`app@${served.digest}`, served)
    await using client = testClient()
    await using images = await openTestImages(client)
    await expect(
      images.images.pull(parseReference(`${registry.host}/app:v1`), images.pullOptions),
    ).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      message: expect.stringContaining('it has linux/s390x') as string,
    })
  })
})

it('server text cannot drive the terminal', async () => {
  await pullWith(
    (registry) =>
      registry.on('HEAD', '/v2/app/manifests/v1', reply(403)) ??
      registry.on('GET', '/v2/app/manifests/v1', refuse(403, 'DENIED', '\u001b[2Jhello\u0007')),
    ({ error }) => expect(error?.message).toContain('\\u001b[2Jhello'),
  )
})

it('an abort ends a pull that hangs, with nothing left', async () => {
  const place = placeOf('layer')
  await using registry = await startFaultyRegistry()
  registry.memory.add('app', 'v1', image)
  registry.on(place.method, place.path, stalledBody(200, place.content, 100))
  await using client = testClient({
    timeouts: { connect: 60_000, headers: 60_000, idle: 60_000, commit: 60_000, document: 60_000 },
  })
  await using images = await openTestImages(client)
  const stop = new AbortController()
  const options = { ...images.pullOptions, signal: stop.signal }
  const pulling = images.images.pull(parseReference(`${registry.host}/app:v1`), options)
  const timer = setInterval(() => {
    if (registry.count(place.method, place.path) > 0) stop.abort()
  }, 20)
  await expect(pulling).rejects.toMatchObject({ code: 'CANCELLED' })
  clearInterval(timer)
  expect(images.visible()).toEqual({ refs: [], images: 0, snapshots: 0 })
  expect(images.leftovers()).toEqual([])
})

function flip(content: Uint8Array): Uint8Array {
  const copy = Buffer.from(content)
  copy[10] = (copy[10] ?? 0) ^ 1
  return copy
}
