import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseReference, withDigest, withTag } from '../../src/oci/reference.ts'
import { deleteManifest } from '../../src/registry/delete.ts'
import { fetchBlob, streamBlob } from '../../src/registry/fetch-blob.ts'
import { getManifest, headManifest } from '../../src/registry/fetch-manifest.ts'
import { listRepositories, listTags } from '../../src/registry/list.ts'
import { putManifest } from '../../src/registry/put-manifest.ts'
import { addReferrer, listReferrers } from '../../src/registry/referrers.ts'
import { uploadBlob } from '../../src/registry/upload-blob.ts'
import type { RegistryClient } from '../../src/registry/client.ts'
import type { UploadResult } from '../../src/registry/upload-blob.ts'
import { bytesSource, memoryIngest, sampleImage, testClient } from '../helpers/registry-client.ts'
import type { SampleImage } from '../helpers/registry-client.ts'
import { hasDockerRegistry, startRegistry } from '../helpers/registry.ts'
import type { Registry, RegistryOptions } from '../helpers/registry.ts'

const { signal } = new AbortController()
const present = hasDockerRegistry()
if (!present) console.warn('docker-registry is not installed: its tests are skipped')

async function pushSample(client: RegistryClient, name: string, image: SampleImage): Promise<readonly UploadResult[]> {
  const reference = parseReference(name)
  const options = { signal, action: `Cannot push "${name}"` }
  const results: UploadResult[] = []
  for (const blob of [...image.layers, image.config])
    results.push(await uploadBlob(client, reference, bytesSource(blob), options))
  await putManifest(
    client,
    reference,
    {
      bytes: image.bytes,
      descriptor: { mediaType: image.manifest.mediaType, digest: image.digest, size: image.bytes.byteLength },
    },
    { signal },
  )
  return results
}

async function caTrust(registry: Registry): Promise<{ readonly certDirs: readonly string[] } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-certs-'))
  await mkdir(join(folder, registry.host), { recursive: true })
  if (registry.authority !== undefined) await writeFile(join(folder, registry.host, 'ca.crt'), registry.authority)
  return { certDirs: [folder], [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

describe.skipIf(!present)('docker-registry', () => {
  it.for<[string, RegistryOptions]>([
    ['plain', {}],
    ['basic over TLS', { auth: 'basic', tls: true }],
    ['token', { auth: 'token' }],
    ['token over TLS', { auth: 'token', tls: true }],
    ['token of five seconds', { auth: 'token', tokenLifetime: 5 }],
  ])('%s: takes and gives back an image', async ([, options]) => {
    await using registry = await startRegistry(options)
    await using trust = await caTrust(registry)
    await using client = testClient({
      registries: { certDirs: trust.certDirs },
      logins: { [registry.host]: { kind: 'basic', username: registry.user, password: registry.password } },
    })
    const image = sampleImage([0, 10, 3_000_000])
    const name = `${registry.host}/team/app:v1`
    const reference = parseReference(name)
    expect((await pushSample(client, name, image)).map((result) => result.kind)).toEqual([
      'pushed',
      'pushed',
      'pushed',
      'pushed',
    ])
    expect((await pushSample(client, name, image)).map((result) => result.kind)).toEqual([
      'exists',
      'exists',
      'exists',
      'exists',
    ])

    expect(await headManifest(client, reference, { signal })).toMatchObject({
      digest: image.digest,
      size: image.bytes.byteLength,
    })
    const manifest = await getManifest(client, withDigest(reference, image.digest), { signal })
    expect(Buffer.from(manifest.bytes)).toEqual(image.bytes)
    for (const [index, layer] of image.manifest.layers.entries()) {
      const ingest = memoryIngest(layer)
      await fetchBlob(client, reference, layer, async () => ingest, { signal, action: 'Cannot pull' })
      expect(ingest.committed()).toBe(true)
      expect(Buffer.from(ingest.content()).equals(image.layers[index] ?? Buffer.alloc(0))).toBe(true)
    }
    expect(await Array.fromAsync(listTags(client, reference, { signal }))).toEqual(['v1'])
    expect(await Array.fromAsync(listRepositories(client, registry.host, { signal }))).toEqual(['team/app'])
  })

  it('mounts from another repository, resumes by Range, streams', async () => {
    await using registry = await startRegistry()
    await using client = testClient()
    const image = sampleImage([500_000])
    const [layer] = image.manifest.layers
    const [content] = image.layers
    if (layer === undefined || content === undefined) return expect.fail('no layer')
    await pushSample(client, `${registry.host}/a:1`, image)
    const other = parseReference(`${registry.host}/b:1`)
    const mounted = await uploadBlob(client, other, bytesSource(content), {
      signal,
      action: 'x',
      mountFrom: ['nowhere', 'a'],
    })
    expect(mounted).toEqual({ kind: 'mounted', from: 'a' })

    const ingest = memoryIngest(layer, content.subarray(0, 123_456))
    await fetchBlob(client, other, layer, async () => ingest, { signal, action: 'x' })
    expect(ingest.committed()).toBe(true)
    // The registry writes its log after it has answered.
    await vi.waitFor(() => expect(registry.log.some((line) => line.includes('" 206 '))).toBe(true), 60_000)
    const streamed = Buffer.concat(await Array.fromAsync(streamBlob(client, other, layer, { signal, action: 'x' })))
    expect(streamed.equals(content)).toBe(true)
  })

  it('keeps referrers by the tag schema where the API is missing', async () => {
    await using registry = await startRegistry()
    await using client = testClient()
    const image = sampleImage()
    const reference = parseReference(`${registry.host}/a:1`)
    await pushSample(client, `${registry.host}/a:1`, image)
    expect(await listReferrers(client, reference, image.digest, { signal })).toEqual([])
    const referrer = {
      mediaType: image.manifest.mediaType,
      digest: image.digest,
      size: image.bytes.byteLength,
      artifactType: 'application/x',
    }
    await addReferrer(client, reference, image.digest, referrer, { signal })
    await addReferrer(client, reference, image.digest, referrer, { signal })
    expect(await listReferrers(client, reference, image.digest, { signal })).toEqual([referrer])
    expect(await listReferrers(client, reference, image.digest, { signal, artifactType: 'application/y' })).toEqual([])
    const long = parseDigest(`sha512:${'a'.repeat(64)}${'b'.repeat(64)}`)
    await addReferrer(client, reference, long, referrer, { signal })
    expect(await listReferrers(client, reference, long, { signal })).toEqual([referrer])
    expect(await headManifest(client, withTag(reference, `sha512-${'a'.repeat(64)}`), { signal })).toBeDefined()
  })

  it('deletes by digest; a missing manifest is named', async () => {
    await using registry = await startRegistry()
    await using client = testClient()
    const image = sampleImage()
    const reference = parseReference(`${registry.host}/a:1`)
    await pushSample(client, `${registry.host}/a:1`, image)
    await deleteManifest(client, withDigest(reference, image.digest), { signal })
    await expect(getManifest(client, reference, { signal })).rejects.toMatchObject({
      code: 'REGISTRY_NOT_FOUND',
      status: 404,
    })
    await expect(deleteManifest(client, reference, { signal })).rejects.toMatchObject({ code: 'REGISTRY_UNSUPPORTED' })
    expect(await headManifest(client, reference, { signal })).toBeUndefined()
  })

  it('refuses without and with wrong credentials, each in its way', async () => {
    await using registry = await startRegistry({ auth: 'token' })
    const reference = parseReference(`${registry.host}/a:1`)
    await using anonymous = testClient()
    await expect(getManifest(anonymous, reference, { signal })).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' })
    await using wrong = testClient({
      logins: { [registry.host]: { kind: 'basic', username: 'tester', password: 'wrong-word' } },
    })
    const error = await getManifest(wrong, reference, { signal }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' })
    expect(JSON.stringify(error)).not.toContain('wrong-word')
  })

  it('anonymous users pull what is open', async () => {
    await using registry = await startRegistry({ auth: 'token', open: ['open'] })
    await using owner = testClient({
      logins: { [registry.host]: { kind: 'basic', username: registry.user, password: registry.password } },
    })
    const image = sampleImage()
    await pushSample(owner, `${registry.host}/open:1`, image)
    await using anonymous = testClient()
    expect(
      (await getManifest(anonymous, parseReference(`${registry.host}/open:1`), { signal })).descriptor.digest,
    ).toBe(image.digest)
    await expect(pushSample(anonymous, `${registry.host}/open:2`, sampleImage())).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
    })
  })
})
