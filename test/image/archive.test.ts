import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { pack } from 'tar-stream'
import type { Header } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { loadImages } from '../../src/image/archive/load-images.ts'
import { plainStream } from '../../src/image/archive/plain-stream.ts'
import { readArchive } from '../../src/image/archive/read-archive.ts'
import { saveImages } from '../../src/image/archive/save-images.ts'
import { readTar, writeTar } from '../../src/image/archive/tar-archive.ts'
import { indexArchive } from '../../src/image/archive/tar-index.ts'
import type { LoadedImage } from '../../src/image/archive/load-images.ts'
import { unpackTools } from '../../src/image/unpack-layers.ts'
import { digestHex, sha256 } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { bzip2, xz } from '../helpers/compressors.ts'
import { openTestImages } from '../helpers/image-store.ts'
import type { TestImages } from '../helpers/image-store.ts'
import { testClient } from '../helpers/registry-client.ts'
import type { SampleImage } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { tarImage } from '../helpers/tar-image.ts'

const { signal } = new AbortController()
type Member = readonly [name: string, content: string | Uint8Array, extra?: Partial<Header>]

async function tar(members: readonly Member[]): Promise<Buffer> {
  const out = pack()
  for (const [name, content, extra] of members) out.entry({ name, ...extra }, Buffer.from(content))
  out.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of out) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

async function load(images: TestImages, bytes: Uint8Array): Promise<readonly LoadedImage[]> {
  const { store, snapshots, native, records } = images
  const archive = await readArchive(readTar(plainStream(pieces(bytes), images.native)), store.content, signal)
  return loadImages({ store, records, unpacking: unpackTools(store, snapshots, native) }, archive, {
    emit: () => undefined,
    signal,
  })
}

const blob = (content: Uint8Array): Member => [`blobs/sha256/${digestHex(sha256(content))}`, content]

function ociMembers(image: SampleImage, annotations: Readonly<Record<string, string>> = {}): readonly Member[] {
  const entry = { mediaType: image.manifest.mediaType, digest: image.digest, size: image.bytes.byteLength, annotations }
  return [
    ...image.layers.map(blob),
    blob(image.config),
    blob(image.bytes),
    ['index.json', JSON.stringify({ schemaVersion: 2, manifests: [entry] })],
    ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'],
  ]
}

/** An archive whose manifest is right but for one size. */
async function wrongSize(what: 'layers' | 'config'): Promise<Buffer> {
  const image = await tarImage([{ a: 'x' }], {
    compression: 'none',
    manifest: ({ config, layers, ...rest }) => ({
      ...rest,
      config: what === 'config' ? { ...config, size: config.size + 1 } : config,
      layers: layers.map((layer) => (what === 'layers' ? { ...layer, size: layer.size + 1 } : layer)),
    }),
  })
  return tar(ociMembers(image))
}

/** A header whose size is written in base 256, as big as the field allows. */
async function hugeEntry(): Promise<Buffer> {
  const bytes = await tar([['manifest.json', '[]']])
  bytes.fill(0xff, 125, 136)
  bytes[124] = 0x80
  bytes.fill(' ', 148, 156)
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

const withoutLayer = (image: SampleImage): readonly Member[] =>
  legacyMembers(image).filter(([name]) => name !== 'id0/layer.tar')

/** docker save before 25: folders named by ids, layers as layer.tar, one of them a link. */
function legacyMembers(image: SampleImage): readonly Member[] {
  const config = `${digestHex(sha256(image.config))}.json`
  return [
    ...image.layers.map((layer, at): Member => [`id${at}/layer.tar`, layer]),
    [config, image.config],
    [
      'manifest.json',
      JSON.stringify([
        { Config: config, RepoTags: ['old/style:1'], Layers: image.layers.map((_, at) => `id${at}/layer.tar`) },
      ]),
    ],
    ['repositories', '{}'],
  ]
}

async function withImages(run: (images: TestImages) => Promise<void>): Promise<void> {
  await using client = testClient()
  await using images = await openTestImages(client)
  await run(images)
}

describe('load', () => {
  const named = { 'io.containerd.image.name': 'docker.io/my/app:7', 'org.opencontainers.image.ref.name': '7' }

  it.for<[string, (image: SampleImage) => Promise<Uint8Array>, readonly string[]]>([
    ['an OCI archive', async (image) => tar(ociMembers(image, named)), ['docker.io/my/app:7']],
    [
      'an OCI archive by ref name',
      async (image) => tar(ociMembers(image, { 'org.opencontainers.image.ref.name': 'quay.io/my/app:7' })),
      ['quay.io/my/app:7'],
    ],
    [
      'an OCI archive with a bare tag',
      async (image) => tar(ociMembers(image, { 'org.opencontainers.image.ref.name': '7' })),
      [],
    ],
    ['documents first', async (image) => tar([...ociMembers(image, named)].reverse()), ['docker.io/my/app:7']],
    ["docker's old form", async (image) => tar(legacyMembers(image)), ['docker.io/old/style:1']],
    ['compressed by gzip', async (image) => gzipSync(await tar(ociMembers(image, named))), ['docker.io/my/app:7']],
    [
      'compressed by zstd',
      async (image) => zstdCompressSync(await tar(ociMembers(image, named))),
      ['docker.io/my/app:7'],
    ],
    ['compressed by xz', async (image) => xz(await tar(ociMembers(image, named))), ['docker.io/my/app:7']],
    ['compressed by bzip2', async (image) => bzip2(await tar(ociMembers(image, named))), ['docker.io/my/app:7']],
    [
      'names with a leading dot',
      async (image) => tar(ociMembers(image, named).map(([name, content]): Member => [`./${name}`, content])),
      ['docker.io/my/app:7'],
    ],
  ])('%s', async ([, make, refs]) => {
    await withImages(async (images) => {
      const image = await tarImage([{ 'a.txt': 'a' }, { 'b.txt': 'b' }], { compression: 'none' })
      const [loaded] = await load(images, await make(image))
      expect(loaded?.id).toBe(sha256(image.config))
      expect(images.visible()).toEqual({ refs, images: 1, snapshots: 2 })
      expect(images.corruptBlobs()).toEqual([])
      expect(images.leftovers()).toEqual([])
    })
  })

  it('a layer that is a link to another one', async () => {
    await withImages(async (images) => {
      const image = await tarImage([{ 'a.txt': 'a' }], {
        compression: 'none',
        config: (config) => ({
          ...config,
          rootfs: {
            type: 'layers',
            diff_ids: [1, 2].map(() => (config['rootfs'] as { diff_ids: string[] }).diff_ids[0]),
          },
        }),
      })
      const config = `${digestHex(sha256(image.config))}.json`
      const bytes = await tar([
        ['one/layer.tar', image.layers[0]!],
        ['two/layer.tar', '', { type: 'symlink', linkname: '../one/layer.tar' }],
        [config, image.config],
        [
          'manifest.json',
          JSON.stringify([{ Config: config, RepoTags: null, Layers: ['one/layer.tar', 'two/layer.tar'] }]),
        ],
      ])
      expect(await load(images, bytes)).toHaveLength(1)
      expect(images.visible()).toMatchObject({ refs: [], images: 1, snapshots: 2 })
    })
  })

  it('several images', async () => {
    await withImages(async (images) => {
      const [a, b] = [await tarImage([{ a: '1' }]), await tarImage([{ b: '2' }])]
      const entries = [a, b].map((image, at) => ({
        mediaType: image.manifest.mediaType,
        digest: image.digest,
        size: image.bytes.byteLength,
        annotations: { 'io.containerd.image.name': `docker.io/x/i${at}:1` },
      }))
      const members = [a, b].flatMap((image) => ociMembers(image).filter(([name]) => name.startsWith('blobs/')))
      const loaded = await load(
        images,
        await tar([...members, ['index.json', JSON.stringify({ schemaVersion: 2, manifests: entries })]]),
      )
      expect(loaded).toHaveLength(2)
      expect(images.visible().refs).toEqual(['docker.io/x/i0:1', 'docker.io/x/i1:1'])
    })
  })

  it.for<[string, (image: SampleImage) => Promise<Uint8Array>, string]>([
    ['empty input', async () => new Uint8Array(), 'ARCHIVE_INVALID'],
    ['no tar', async () => Buffer.alloc(2000, 'x'), 'ARCHIVE_INVALID'],
    ['a tar of something else', async () => tar([['hello.txt', 'hello']]), 'ARCHIVE_INVALID'],
    ['an end in the middle', async (image) => (await tar(ociMembers(image))).subarray(0, 1500), 'ARCHIVE_INVALID'],
    ['truncated xz', async (image) => xz(await tar(ociMembers(image))).subarray(0, 400), 'ARCHIVE_INVALID'],
    [
      'bytes after xz',
      async (image) => Buffer.concat([xz(await tar(ociMembers(image))), Buffer.from('more')]),
      'ARCHIVE_INVALID',
    ],
    ['truncated bzip2', async (image) => bzip2(await tar(ociMembers(image))).subarray(0, 400), 'ARCHIVE_INVALID'],
    ['damaged gzip', async (image) => gzipSync(await tar(ociMembers(image))).subarray(0, 200), 'ARCHIVE_INVALID'],
    ['xz', async () => Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0, 0]), 'ARCHIVE_INVALID'],
    [
      'a blob with other content',
      async (image) => tar(ociMembers(image).map((member, at): Member => (at === 0 ? [member[0], 'other'] : member))),
      'DIGEST_MISMATCH',
    ],
    [
      'an index that tells another size',
      async (image) => {
        const entry = { mediaType: image.manifest.mediaType, digest: image.digest, size: image.bytes.byteLength + 1 }
        const index: Member = ['index.json', JSON.stringify({ schemaVersion: 2, manifests: [entry] })]
        return tar([...ociMembers(image).filter(([name]) => name !== 'index.json'), index])
      },
      'ARCHIVE_INVALID',
    ],
    ['a manifest that tells another size of its layer', () => wrongSize('layers'), 'ARCHIVE_INVALID'],
    ['a manifest that tells another size of its config', () => wrongSize('config'), 'ARCHIVE_INVALID'],
    ['a size of 2^87 bytes', async () => hugeEntry(), 'ARCHIVE_INVALID'],
    [
      'a layer that is a link to itself',
      async (image) => tar([...withoutLayer(image), ['id0/layer.tar', '', { type: 'symlink', linkname: 'layer.tar' }]]),
      'ARCHIVE_INVALID',
    ],
    [
      'a layer that is a link out of the archive',
      async (image) =>
        tar([...withoutLayer(image), ['id0/layer.tar', '', { type: 'symlink', linkname: '/etc/passwd' }]]),
      'ARCHIVE_INVALID',
    ],
    [
      'a second list of images that names what is not there',
      async (image) => {
        const list = [{ Config: 'none.json', RepoTags: [], Layers: [] }]
        return tar([...legacyMembers(image), ['manifest.json', JSON.stringify(list)]])
      },
      'ARCHIVE_INVALID',
    ],
    ['a missing layer', async (image) => tar(ociMembers(image).slice(1)), 'ARCHIVE_INVALID'],
    [
      'a missing config',
      async (image) => tar(ociMembers(image).filter(([name]) => !name.endsWith(digestHex(sha256(image.config))))),
      'ARCHIVE_INVALID',
    ],
    [
      'a missing manifest',
      async (image) => tar(ociMembers(image).filter(([name]) => !name.endsWith(digestHex(image.digest)))),
      'ARCHIVE_INVALID',
    ],
    [
      'an entry that climbs out',
      async (image) => tar([['../../etc/passwd', 'x'], ...ociMembers(image)]),
      'ARCHIVE_INVALID',
    ],
    [
      'a layer path that is not there',
      async (image) => tar(legacyMembers(image).filter(([name]) => name !== 'id0/layer.tar')),
      'ARCHIVE_INVALID',
    ],
    [
      'a bad name',
      async (image) => tar(ociMembers(image, { 'io.containerd.image.name': '../evil' })),
      'REFERENCE_INVALID',
    ],
    ['manifest.json of numbers', async () => tar([['manifest.json', '[1]']]), 'ARCHIVE_INVALID'],
    ['index.json of text', async () => tar([['index.json', '"x"']]), 'MANIFEST_INVALID'],
  ])('refuses %s and leaves nothing', async ([, make, code]) => {
    await withImages(async (images) => {
      const image = await tarImage([{ 'a.txt': 'a' }], { compression: 'none' })
      await expect(make(image).then((bytes) => load(images, bytes))).rejects.toMatchObject({ code })
      expect(images.visible()).toEqual({ refs: [], images: 0, snapshots: 0 })
      expect(images.corruptBlobs()).toEqual([])
      expect(images.leftovers()).toEqual([])
    })
  })

  it('a layer with another DiffID names no image', async () => {
    await withImages(async (images) => {
      const image = await tarImage([{ a: 'x' }], {
        config: (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] } }),
      })
      await expect(load(images, await tar(ociMembers(image)))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
      expect(images.visible()).toEqual({ refs: [], images: 0, snapshots: 0 })
    })
  })
})

describe('save', () => {
  async function saved(images: TestImages, name: string): Promise<Buffer> {
    const image = await images.images.find(name, images.pullOptions.platform)
    if (image === undefined) return expect.fail(`no image ${name}`)
    const chunks: Buffer[] = []
    const out = new Writable({
      write(chunk: Buffer, _, done) {
        chunks.push(chunk)
        done()
      },
    })
    const files = saveImages(images, [{ image, names: [parseReference(name)] }], {
      format: 'docker',
      compression: { kind: 'none' },
      allPlatforms: true,
      emit: () => undefined,
      signal,
    })
    await writeTar(files, out, signal)
    return Buffer.concat(chunks)
  }

  it('what was saved loads elsewhere with the same digests, and saving is repeatable', async () => {
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'v1', await tarImage([{ 'a.txt': 'a' }, { 'b.txt': 'b' }]))
    await using client = testClient()
    await using images = await openTestImages(client)
    const name = `${registry.host}/app:v1`
    const { image } = await images.images.pull(parseReference(name), images.pullOptions)
    const bytes = await saved(images, name)
    expect((await saved(images, name)).equals(bytes)).toBe(true)
    await using others = await openTestImages(client)
    const [loaded] = await load(others, bytes)
    expect(loaded?.id).toBe(image.id)
    expect(others.records.refs()[0]).toMatchObject({ name, target: { digest: image.target.digest } })
  })

  it('a blob that is gone is an error before anything misleading is written', async () => {
    await using registry = await startFaultyRegistry()
    registry.memory.add('app', 'v1', await tarImage())
    await using client = testClient()
    await using images = await openTestImages(client)
    const name = `${registry.host}/app:v1`
    const { image } = await images.images.pull(parseReference(name), images.pullOptions)
    await images.store.content.remove(image.manifest.layers[0]!.digest)
    await expect(saved(images, name)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
  })
})

describe('indexArchive', () => {
  it('finds files in place, and refuses what is no tar', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tsbuild-archive-'))
    try {
      const image = await tarImage()
      const path = join(folder, 'a.tar')
      const deep = `${'d/'.repeat(80)}file`
      await writeFile(path, await tar([[deep, 'deep'], ...ociMembers(image)]))
      const archive = await indexArchive(path)
      expect(archive.document(deep)?.toString()).toBe('deep')
      expect(archive.place(image.digest)).toMatchObject({ size: image.bytes.byteLength })
      await writeFile(path, gzipSync(Buffer.from('x'.repeat(2000))))
      await expect(indexArchive(path)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' })
      await expect(indexArchive(join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
      await writeFile(path, (await tar(ociMembers(image))).subarray(0, 700))
      await expect(indexArchive(path)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
