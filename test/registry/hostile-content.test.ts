import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/base/error-codes.ts'
import { TsbuildError } from '../../src/base/errors.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { encodeManifest } from '../../src/oci/manifest.ts'
import type { SampleImage } from '../helpers/registry-client.ts'
import { bytesSource, testClient } from '../helpers/registry-client.ts'
import { openTestImages } from '../helpers/image-store.ts'
import type { TestImages } from '../helpers/image-store.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import type { FaultyRegistry } from '../helpers/registry-memory.ts'
import { passThrough, reply } from '../helpers/registry-script.ts'
import { tarImage, tarOf } from '../helpers/tar-image.ts'
import { uploadBlob } from '../../src/registry/upload-blob.ts'

/** What a terminal would obey: colours, titles, a cleared screen, a carriage return, C1 controls, bidirectional overrides. */
const escapes = '\u001b[2J\u001b]0;owned\u0007\u009b31m\rINNOCENT\u202e\u0000\b'
const commands = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/ // oxlint-disable-line no-control-regex

async function pullFrom(
  registry: FaultyRegistry,
  check: (outcome: unknown, images: TestImages) => void | Promise<void>,
): Promise<void> {
  await using client = testClient()
  await using images = await openTestImages(client)
  const reference = parseReference(`${registry.host}/app:v1`)
  const outcome = await images.images.pull(reference, images.pullOptions).catch((error: unknown) => error)
  expect(images.corruptBlobs()).toEqual([])
  expect(images.leftovers()).toEqual([])
  await check(outcome, images)
}

describe('text of a server', () => {
  const text = { errors: [{ code: `DENIED${escapes}`, message: `no ${escapes} access` }] }
  const json = { 'content-type': 'application/json' }

  it.for<[string, (registry: FaultyRegistry) => void]>([
    ['a refusal', (registry) => registry.on('GET', /manifests/, reply(403, json, text))],
    [
      'a refusal in plain text',
      (registry) => registry.on('GET', /manifests/, reply(400, { 'content-type': 'text/plain' }, escapes)),
    ],
    ['a passing fault', (registry) => registry.on('GET', /manifests/, reply(503, json, text), passThrough)],
    [
      'a media type',
      (registry) => registry.on('GET', /manifests/, reply(200, { 'content-type': 'x/\t\u009b31m' }, '{}')),
    ],
    [
      'a token server',
      (registry) => {
        registry.on('GET', /manifests/, reply(401, { 'www-authenticate': `Bearer realm="${registry.origin}/token"` }))
        registry.on('GET', '/token', reply(401, json, { details: escapes }))
      },
    ],
    [
      'a realm',
      (registry) => registry.on('GET', /manifests/, reply(401, { 'www-authenticate': 'Bearer realm="\u009b31m\t"' })),
    ],
    ['a redirect', (registry) => registry.on('GET', /manifests/, reply(307, { location: 'ftp://\u009b31m\t/' }))],
    [
      'a manifest',
      (registry) => registry.on('GET', /manifests/, reply(200, {}, '{"schemaVersion":2,"mediaType":"\\u001b[2J"}')),
    ],
    [
      'a header of its digest',
      (registry) => registry.on('GET', /manifests/, reply(200, { 'docker-content-digest': '\u009b31m' }, '{}')),
    ],
  ])('%s cannot command the terminal', async ([, script]) => {
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'v1', await tarImage())
    registry.on('HEAD', /manifests/, reply(405))
    script(registry)
    await pullFrom(registry, (outcome, { events, visible }) => {
      const shown = [
        JSON.stringify(events, (_, value: unknown) => value),
        outcome instanceof Error ? outcome.message : '',
      ]
      if (outcome instanceof TsbuildError) shown.push(outcome.hint ?? '', JSON.stringify(outcome.details))
      for (const line of shown) expect(line.replaceAll(/\\u00[01]|\\[bfnrt"]/g, 'ESCAPED')).not.toMatch(commands)
      expect(shown.join('')).not.toContain('ESCAPED')
      if (outcome instanceof Error) expect(visible()).toMatchObject({ refs: [], images: 0 })
    })
  })

  it('nor can a refusal of an upload', async () => {
    await using registry = await startFaultyRegistry()
    registry.on('POST', /uploads/, reply(403, json, text))
    await using client = testClient()
    const reference = parseReference(`${registry.host}/app`)
    const outcome = uploadBlob(client, reference, bytesSource(Buffer.from('x')), {
      action: 'Cannot push',
      signal: AbortSignal.timeout(150_000),
    })
    await expect(outcome).rejects.toMatchObject({
      code: 'REGISTRY_DENIED',
      message: expect.not.stringMatching(commands) as string,
    })
  })
})

describe('layers', () => {
  /** An image whose only layer is `blob`, although its config promises `tar`. */
  async function imageOf(
    tar: Buffer,
    blob: Buffer,
    type = 'application/vnd.oci.image.layer.v1.tar+gzip',
  ): Promise<SampleImage> {
    const honest = await tarImage([{ x: 'y' }])
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [sha256(tar)] } }),
    )
    const manifest = {
      ...honest.manifest,
      config: { ...honest.manifest.config, digest: sha256(config), size: config.byteLength },
      layers: [{ mediaType: type, digest: sha256(blob), size: blob.byteLength }],
    }
    const bytes = Buffer.from(encodeManifest(manifest))
    return { config, layers: [blob], manifest, bytes, digest: sha256(bytes) }
  }
  const zstd = 'application/vnd.oci.image.layer.v1.tar+zstd'
  const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.byteLength - 20)

  it.for<[string, (tar: Buffer) => Buffer, ErrorCode | undefined, string?]>([
    [
      'gzip in two members',
      (tar) => Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]),
      undefined,
    ],
    ['gzip with zeros behind it', (tar) => Buffer.concat([gzipSync(tar), Buffer.alloc(512)]), 'LAYER_INVALID'],
    [
      'gzip with data behind it',
      (tar) => Buffer.concat([gzipSync(tar), Buffer.from('more data that is no gzip')]),
      'LAYER_INVALID',
    ],
    ['gzip that ends early', (tar) => cut(gzipSync(tar)), 'LAYER_INVALID'],
    [
      'gzip with a wrong checksum',
      (tar) => {
        const bytes = gzipSync(tar)
        bytes[bytes.byteLength - 6]! ^= 1
        return bytes
      },
      'LAYER_INVALID',
    ],
    ['gzip of another tar', () => gzipSync(Buffer.alloc(10_240)), 'DIGEST_MISMATCH'],
    ['200 MB of zeros in 200 KB', () => gzipSync(Buffer.alloc(200_000_000)), 'DIGEST_MISMATCH'],
    [
      'zstd in two frames',
      (tar) => Buffer.concat([zstdCompressSync(tar.subarray(0, 700)), zstdCompressSync(tar.subarray(700))]),
      undefined,
      zstd,
    ],
    ['zstd that ends early', (tar) => cut(zstdCompressSync(tar)), 'LAYER_INVALID', zstd],
    [
      'zstd with data behind it',
      (tar) => Buffer.concat([zstdCompressSync(tar), Buffer.from('more data')]),
      'LAYER_INVALID',
      zstd,
    ],
    ['no compression at all', (tar) => tar, undefined],
    ['noise', () => Buffer.from('neither gzip nor tar, but something that is long enough'), 'LAYER_INVALID'],
  ])('%s', async ([, make, code, type]) => {
    const tar = await tarOf({ 'a.txt': 'a'.repeat(3000) })
    const image = await imageOf(tar, make(tar), type)
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'v1', image)
    await pullFrom(registry, (outcome, { visible }) => {
      if (code === undefined) {
        if (outcome instanceof Error) throw outcome
        expect(visible()).toMatchObject({ images: 1, snapshots: 1 })
      } else {
        expect(outcome).toMatchObject({ code })
        expect(visible()).toEqual({ refs: [], images: 0, snapshots: 0 })
      }
    })
  })

  it('sha512 throughout: verified by it, and by it alone', async () => {
    const image = await tarImage(undefined, { algorithm: 'sha512' })
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'v1', image)
    await pullFrom(registry, (outcome) => {
      if (outcome instanceof Error) throw outcome
      expect(outcome).toMatchObject({ image: { target: { digest: image.digest } } })
    })
    registry.on(
      'GET',
      new RegExp(`blobs/${image.manifest.layers[0]!.digest}`),
      reply(200, {}, Buffer.alloc(image.layers[0]!.byteLength)),
    )
    await pullFrom(registry, (outcome) => expect(outcome).toMatchObject({ code: 'DIGEST_MISMATCH' }))
  })
})
