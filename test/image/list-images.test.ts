import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { imageFacts } from '../../src/image/image-facts.ts'
import { imageRoots } from '../../src/image/image-roots.ts'
import type { LocalImage } from '../../src/image/image-service.ts'
import { listImages, listedImage } from '../../src/image/list-images.ts'
import { sha256 } from '../../src/oci/digest.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { familiarReference, parseReference } from '../../src/oci/reference.ts'
import type { Descriptor } from '../../src/oci/types.ts'
import type { Snapshot } from '../../src/snapshot/snapshotter.ts'
import { openTestImages } from '../helpers/image-store.ts'
import type { TestImages } from '../helpers/image-store.ts'
import { testClient } from '../helpers/registry-client.ts'

const host = { os: 'linux', architecture: 'amd64' }
let at: TestImages

beforeEach(async () => {
  at = await openTestImages(testClient())
})
afterEach(() => at[Symbol.asyncDispose]())

interface Made {
  readonly names?: readonly string[]
  readonly platform?: string
  readonly created?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly top?: Snapshot
}

/** An image of its own; without a time its place in the list is that of its arrival. */
function make({ names = [], platform = 'linux/amd64', created, labels = {}, top }: Made): Promise<LocalImage> {
  return at.images.create({
    config: {
      ...parsePlatform(platform, host),
      ...(created === undefined ? {} : { created }),
      config: { Labels: labels },
      rootfs: { type: 'layers', diff_ids: top === undefined ? [] : at.snapshots.diffIds(top.id) },
    },
    top: top ?? null,
    names: names.map(parseReference),
    format: 'oci',
  })
}

async function layer(below: Snapshot | null, bytes: number): Promise<Snapshot> {
  await using made = await at.snapshots.prepare(below?.id ?? null)
  return made.commit({ diffId: sha256(`layer of ${bytes} bytes`), size: bytes + 512, bytes, entries: 1 })
}

/** An index of images and of what is not here, under names. */
async function index(names: readonly string[], manifests: readonly Descriptor[]): Promise<Descriptor> {
  const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
  const target = { mediaType: mediaTypes.ociIndex, digest: await at.store.content.put(text), size: text.length }
  for (const name of names) at.records.setRef(name, target)
  return target
}

const entry = ({ manifestDescriptor }: LocalImage, platform: string): Descriptor => ({
  ...manifestDescriptor,
  platform: parsePlatform(platform, host),
})

const absent = (platform: string): Descriptor => ({
  mediaType: mediaTypes.ociManifest,
  digest: sha256(`a manifest for ${platform}`),
  size: 100,
  platform: parsePlatform(platform, host),
})

async function list(platform = host): Promise<readonly string[]> {
  return listImages(at.records, await imageFacts(at.store), platform).map(({ tags, digests, companion, ...image }) => {
    const names = [...tags, ...digests].map(familiarReference).join(' ') || '<none>'
    return `${names}${companion ? ' companion' : ''}${image.platform === undefined ? ' unknown' : ''}`
  })
}

/** As if its documents had never been looked at. */
function forgetFacts(): void {
  at.store.db.exec('DELETE FROM image_facts; DELETE FROM index_facts')
}

function damage(digest: Digest, content = '[]'): void {
  const path = at.store.content.path(digest)
  chmodSync(path, 0o600)
  writeFileSync(path, content)
}

describe('the list of images', () => {
  it('is newest first, each image once with all its names', async () => {
    await make({ names: ['old:1'], created: '2020-01-01T00:00:00Z' })
    await make({ names: ['new:1', 'new:2'], created: '2024-01-01T00:00:00Z' })
    await make({ created: '2022-01-01T00:00:00Z' })
    expect(await list()).toEqual(['new:1 new:2', '<none>', 'old:1'])
  })

  it('tells times, labels and sizes of the documents', async () => {
    const base = await layer(null, 1000)
    const top = await layer(base, 234)
    const image = await make({ names: ['a:1'], created: '2024-01-01T00:00:00Z', labels: { team: 'x' }, top })
    const facts = await imageFacts(at.store)
    const [listed] = listImages(at.records, facts, host)
    expect(listed).toMatchObject({ id: image.id, createdAt: Date.parse('2024-01-01T00:00:00Z'), size: 1234 })
    expect(listed?.platform).toEqual(host)
    expect(facts.labels(image.manifestDescriptor.digest)).toEqual({ team: 'x' })
  })

  it('an unpacked layer counts its files, another its blob', async () => {
    const image = await make({ names: ['a:1'], top: await layer(null, 1000) })
    const size = async (): Promise<number> => listImages(at.records, await imageFacts(at.store), host)[0]!.size
    expect(await size()).toBe(1000)
    at.store.db.run('DELETE FROM snapshots')
    expect(await size()).toBe(image.manifest.layers[0]!.size)
  })

  it('what images share counts once', async () => {
    const base = await layer(null, 1000)
    const one = await make({ names: ['one:1'], top: await layer(base, 1) })
    const two = await make({ names: ['two:1'], top: await layer(base, 20) })
    const alone = await make({ names: ['alone:1'], top: await layer(null, 300) })
    const { total, shared } = (await imageFacts(at.store)).sharing()
    expect(total).toBe(1321)
    expect([one, two, alone].map((image) => shared.get(image.manifestDescriptor.digest))).toEqual([1000, 1000, 0])
  })

  it('the name of an index is that of its image for the platform, the others are its companions', async () => {
    const amd = await make({ created: '2024-01-01T00:00:00Z' })
    const arm = await make({ created: '2024-01-01T00:00:00Z', platform: 'linux/arm64' })
    await index(
      ['docker.io/library/multi:1'],
      [absent('linux/s390x'), entry(amd, 'linux/amd64'), entry(arm, 'linux/arm64')],
    )
    expect((await list()).toSorted()).toEqual(['<none> companion', 'multi:1'])
    const named = async (platform: string): Promise<Digest | undefined> =>
      listImages(at.records, await imageFacts(at.store), parsePlatform(platform, host)).find(
        ({ tags }) => tags.length > 0,
      )?.id
    expect(await named('linux/amd64')).toBe(amd.id)
    expect(await named('linux/arm64')).toBe(arm.id)
  })

  it('the name of an index of which nothing fits is that of the newest image that is here', async () => {
    const arm = await make({ platform: 'linux/arm64' })
    await index(['docker.io/library/multi:1'], [absent('linux/amd64'), entry(arm, 'linux/arm64')])
    expect(await list()).toEqual(['multi:1'])
    const facts = await imageFacts(at.store)
    expect((await at.images.identify(facts, 'multi:1', host))?.id).toBe(arm.id)
    expect(await at.images.find('multi:1', host)).toBeUndefined()
  })

  it('goes through indexes in indexes', async () => {
    const amd = await make({})
    const nested = await index([], [entry(amd, 'linux/amd64')])
    await index(['docker.io/library/deep:1'], [nested])
    expect(await list()).toEqual(['deep:1'])
  })

  it('one image is listed as among all', async () => {
    const amd = await make({ names: ['plain:1'] })
    const arm = await make({ platform: 'linux/arm64' })
    const other = await make({ platform: 'linux/s390x' })
    await make({ names: ['far:1'], labels: { far: 'yes' } })
    await index(['docker.io/library/multi:1'], [entry(amd, 'linux/amd64'), entry(arm, 'linux/arm64')])
    await index(['docker.io/library/other:1'], [entry(arm, 'linux/arm64'), entry(other, 'linux/s390x')])
    const facts = await imageFacts(at.store)
    for (const platform of [host, parsePlatform('linux/arm64', host), parsePlatform('linux/s390x', host)]) {
      const all = listImages(at.records, facts, platform)
      for (const one of all) expect(listedImage(at.records, facts, one.id, platform)).toEqual(one)
    }
  })

  it('forgets what is known with what it is known of', async () => {
    const amd = await make({ names: ['a:1'] })
    const nested = await index([], [entry(amd, 'linux/amd64')])
    await index(['docker.io/library/deep:1'], [nested])
    const facts = await imageFacts(at.store)
    at.records.removeRef('docker.io/library/deep:1')
    at.records.removeRef('docker.io/library/a:1')
    at.records.removeImage(amd.manifestDescriptor.digest)
    facts.forgetIndexes()
    const rows = ['image_facts', 'image_layers', 'index_facts', 'index_members'].flatMap((table) =>
      at.store.db.all(`SELECT * FROM ${table}`),
    )
    expect(rows).toEqual([])
  })
})

describe('documents that cannot be used', () => {
  it('a changed one has its image in the list all the same, as what was known of it', async () => {
    const image = await make({ names: ['a:1'], labels: { team: 'x' } })
    await make({ names: ['b:1'] })
    await list()
    damage(image.id)
    expect((await list()).toSorted()).toEqual(['a:1', 'b:1'])
    forgetFacts()
    expect((await list()).toSorted()).toEqual(['a:1 unknown', 'b:1'])
    expect((await imageFacts(at.store)).damaged?.code).toBe('STORE_CORRUPT')
  })

  it('a missing one, too, and it is read when it is back', async () => {
    const image = await make({ names: ['a:1'] })
    rmSync(at.store.content.path(image.id))
    expect(await list()).toEqual(['a:1 unknown'])
    await make({ names: ['a:1'] })
    expect(await list()).toEqual(['a:1'])
  })

  it.for([
    ['a config that is no object', '[]'],
    ['a config that is no JSON', 'x'],
    ['a config with labels that are no texts', '{"config":{"Labels":{"a":1}}}'],
    ['a config that nests too deep', '['.repeat(1000)],
  ] as const)('%s, as a registry takes it, stands in the way of no other image', async ([, config]) => {
    await make({ names: ['good:1'] })
    const id = await at.store.content.put(config)
    const blob = await at.store.content.put('a layer')
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: id, size: config.length },
      layers: [{ mediaType: mediaTypes.ociLayer, digest: blob, size: 7 }],
    })
    const digest = await at.store.content.put(manifest)
    at.records.addImage(digest, id)
    at.records.setRef('example.com/bad:1', { mediaType: mediaTypes.ociManifest, digest, size: manifest.length })
    expect((await list()).toSorted()).toEqual(['example.com/bad:1 unknown', 'good:1'])
    const facts = await imageFacts(at.store)
    expect(facts.unreadImages('')).toEqual([])
    expect((await at.images.identify(facts, 'example.com/bad:1', host))?.id).toBe(id)
    // Whoever pushed it can have it back.
    expect((await imageRoots(at.store)).blobs()).toEqual(expect.arrayContaining([digest, id, blob]))
  })

  it('a broken index hides its name, not the images', async () => {
    const amd = await make({})
    const target = await index(['docker.io/library/multi:1'], [entry(amd, 'linux/amd64')])
    damage(target.digest)
    expect(await list()).toEqual(['<none>'])
    expect((await imageFacts(at.store)).damaged?.code).toBe('STORE_CORRUPT')
  })
})

describe('what garbage collection keeps', () => {
  it('documents, also those that only an index names, and the top of each stack', async () => {
    const base = await layer(null, 1000)
    const top = await layer(base, 20)
    const amd = await make({ top })
    const target = await index(['docker.io/library/multi:1'], [entry(amd, 'linux/amd64'), absent('linux/arm64')])
    const roots = await imageRoots(at.store)
    const { id, manifestDescriptor, manifest } = amd
    const wanted = [id, manifestDescriptor.digest, target.digest, absent('linux/arm64').digest]
    expect(roots.blobs().toSorted()).toEqual([...wanted, ...manifest.layers.map(({ digest }) => digest)].toSorted())
    expect(roots.snapshots()).toEqual([top.id])
  })

  it('says that it is not known what an image needs', async () => {
    const image = await make({ names: ['a:1'] })
    damage(image.manifestDescriptor.digest)
    expect((await imageRoots(at.store)).damaged?.code).toBe('STORE_CORRUPT')
  })
})

it('the names of a repository are its tags and digests, and no others', async () => {
  const { target } = await make({ names: ['a:1', 'a:2', 'ab:1', 'a/b:1', 'example.com/a:1'] })
  at.records.setRef(`docker.io/library/a@${target.digest}`, target)
  at.records.setRef('docker.io/library/a-b:1', target)
  const names = at.records.refsIn('docker.io/library/a').map(({ name }) => name)
  expect(names).toEqual(['docker.io/library/a:1', 'docker.io/library/a:2', `docker.io/library/a@${target.digest}`])
})

it('a store of an earlier release has the same list', async () => {
  await make({ names: ['a:1'], created: '2024-01-01T00:00:00Z' })
  const arm = await make({ platform: 'linux/arm64', created: '2023-01-01T00:00:00Z' })
  await index(['docker.io/library/multi:1'], [entry(arm, 'linux/arm64')])
  const before = await list()
  forgetFacts()
  expect(await list()).toEqual(before)
  expect(before).toEqual(['a:1', 'multi:1'])
})
