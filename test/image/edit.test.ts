import { mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from 'tar-stream'
import type { Header } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appendEdit } from '../../src/image/edit/append.ts'
import { artifactSource, extractArtifact } from '../../src/image/edit/artifact.ts'
import { diffImages } from '../../src/image/edit/diff-images.ts'
import { editContent } from '../../src/image/edit/edit-content.ts'
import { fileLayer } from '../../src/image/edit/file-layer.ts'
import { convertFamily } from '../../src/image/edit/convert-family.ts'
import { filterIndex } from '../../src/image/edit/index-edit.ts'
import { joinIndex, plainParts } from '../../src/image/edit/join-index.ts'
import { mergedEntries } from '../../src/image/edit/merged-entries.ts'
import { mutateEdit } from '../../src/image/edit/mutate.ts'
import type { ConfigChanges } from '../../src/image/edit/mutate.ts'
import { parsePackages } from '../../src/image/edit/packages.ts'
import { readSourceImage } from '../../src/image/edit/read-image.ts'
import { proveRebase, rebasedImage } from '../../src/image/edit/rebase.ts'
import { validateContent } from '../../src/image/edit/validate.ts'
import { copyContent } from '../../src/image/transfer/copy-content.ts'
import type { CopyOptions } from '../../src/image/transfer/copy-content.ts'
import type { ContentSource } from '../../src/image/transfer/endpoint.ts'
import { layoutSink, layoutSource } from '../../src/image/transfer/layout-endpoint.ts'
import { formatLocation, parseLocation } from '../../src/image/transfer/location.ts'
import { registrySink, registrySource } from '../../src/image/transfer/registry-endpoint.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { parseManifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { parseReference, withDigest } from '../../src/oci/reference.ts'
import { testClient } from '../helpers/registry-client.ts'
import type { SampleImage } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import type { FaultyRegistry } from '../helpers/registry-memory.ts'
import { refuse } from '../helpers/registry-script.ts'
import { tarImage } from '../helpers/tar-image.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsbuild-edit-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const { signal } = new AbortController()
const amd64 = { os: 'linux', architecture: 'amd64' }
const options = { signal, notify: () => undefined }
const copyAll: CopyOptions = { platforms: [], referrers: false, foreignLayers: true, emit: () => undefined, signal }
const noChanges: ConfigChanges = {
  env: [],
  removeEnv: [],
  labels: [],
  removeLabels: [],
  annotations: [],
  removeAnnotations: [],
  expose: [],
  volumes: [],
}

/** Puts images into a registry and gives the place of each. */
async function bench(
  images: Readonly<Record<string, SampleImage>>,
  run: (registry: FaultyRegistry, at: (name: string) => ContentSource) => Promise<void>,
): Promise<void> {
  await using registry = await startFaultyRegistry()
  for (const [name, image] of Object.entries(images)) registry.memory.add(name, '1', image)
  await using client = testClient()
  await run(registry, (name) => registrySource(client, parseReference(`${registry.host}/${name}:1`), options))
}

async function configOf(source: ContentSource): Promise<Readonly<Record<string, unknown>>> {
  return (await readSourceImage(source, amd64)).raw
}

/** A layer with entries as given: name, content, header. */
async function layerOf(entries: readonly (readonly [string, string, Partial<Header>?])[]): Promise<Buffer> {
  const out = pack()
  for (const [name, content, header] of entries)
    out.entry({ name, mtime: new Date(0), mode: 0o644, ...header }, content)
  out.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of out) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** An image of hand-made layers. */
async function imageOf(tars: readonly Buffer[], config: Readonly<Record<string, unknown>> = {}): Promise<SampleImage> {
  const base = await tarImage([])
  const bytes = Buffer.from(
    JSON.stringify({ ...amd64, ...config, rootfs: { type: 'layers', diff_ids: tars.map((tar) => sha256(tar)) } }),
  )
  const manifest = {
    ...base.manifest,
    config: { mediaType: mediaTypes.ociConfig, digest: sha256(bytes), size: bytes.byteLength },
    layers: tars.map((tar) => ({ mediaType: mediaTypes.ociLayer, digest: sha256(tar), size: tar.byteLength })),
  }
  const text = Buffer.from(JSON.stringify(manifest))
  return { config: bytes, layers: tars, manifest, bytes: text, digest: sha256(text) }
}

describe('mutate', () => {
  it('changes only what is asked for and keeps unknown members', async () => {
    const image = await tarImage(undefined, {
      config: (config) => ({
        ...config,
        'x-unknown': { deep: [1] },
        config: { Env: ['A=1', 'B=2'], Cmd: ['sh'], Labels: { old: 'x' }, Odd: true },
      }),
    })
    await bench({ app: image }, async (_, at) => {
      const edited = await editContent(
        at('app'),
        mutateEdit({
          ...noChanges,
          env: ['B=3', 'C=a=b'],
          removeEnv: ['A'],
          labels: ['new=y'],
          removeLabels: ['old'],
          expose: ['80', '53/udp'],
          entrypoint: ['/x'],
          user: 'me',
          annotations: ['k=v'],
        }),
      )
      const config = await configOf(edited)
      expect(config['x-unknown']).toEqual({ deep: [1] })
      expect(config['config']).toEqual({
        Env: ['B=3', 'C=a=b'],
        Labels: { new: 'y' },
        Odd: true,
        ExposedPorts: { '80/tcp': {}, '53/udp': {} },
        Entrypoint: ['/x'],
        User: 'me',
      })
      const { manifest } = await readSourceImage(edited, amd64)
      expect(manifest.layers).toEqual(image.manifest.layers)
      expect(manifest.annotations).toEqual({ k: 'v' })
    })
  })

  it.for<[string, Partial<ConfigChanges>]>([
    ['a variable without value', { env: ['A'] }],
    ['a port that is none', { expose: ['http'] }],
    ['a time that is none', { created: 'yesterday' }],
    ['a label without name', { labels: ['=x'] }],
  ])('refuses %s', async ([, changes]) => {
    await bench({ app: await tarImage() }, async (_, at) => {
      await expect(editContent(at('app'), mutateEdit({ ...noChanges, ...changes }))).rejects.toMatchObject({
        code: 'USAGE',
      })
    })
  })

  it('changes every image of an index, and leaves out what attested the old ones', async () => {
    const [a, b] = [
      await tarImage([{ a: '1' }]),
      await tarImage([{ b: '2' }], { config: (config) => ({ ...config, architecture: 'arm64' }) }),
    ]
    await bench({ app: a }, async (registry, at) => {
      registry.memory.add('app', 'b', b)
      const entry = (image: SampleImage, architecture: string) => ({
        mediaType: mediaTypes.ociManifest,
        digest: image.digest,
        size: image.bytes.byteLength,
        platform: { os: 'linux', architecture },
      })
      const attestation = {
        ...entry(a, 'unknown'),
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: { 'vnd.docker.reference.digest': a.digest },
      }
      const bytes = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.ociIndex,
          manifests: [entry(a, 'amd64'), entry(b, 'arm64'), attestation],
        }),
      )
      registry.memory.manifests.set('app:1', { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), bytes })
      const edited = await editContent(at('app'), mutateEdit({ ...noChanges, labels: ['x=y'] }))
      const top = await edited.resolve()
      const document = parseManifest(top.bytes, top.descriptor.mediaType, 'x')
      if (document.kind === 'manifest') return expect.fail('no index')
      expect(document.index.manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64'])
      for (const { digest } of document.index.manifests) expect([a.digest, b.digest]).not.toContain(digest)
    })
  })

  it('an artifact cannot be mutated', async () => {
    const artifact = await tarImage(undefined, {
      manifest: (m) => ({ ...m, config: { ...m.config, mediaType: 'application/x' } }),
    })
    await bench({ app: artifact }, async (_, at) => {
      await expect(editContent(at('app'), mutateEdit(noChanges))).rejects.toMatchObject({
        code: 'MANIFEST_UNSUPPORTED',
      })
    })
  })
})

describe('append, merge, diff', () => {
  it('puts a tar file on top, plain or compressed', async () => {
    const path = join(folder, 'layer.tar')
    await writeFile(path, await layerOf([['new.txt', 'new']]))
    await bench({ app: await tarImage([{ 'old.txt': 'old' }]) }, async (_, at) => {
      await using layer = await fileLayer(path, signal)
      const edited = await editContent(at('app'), appendEdit([layer], 'why', new Date(0)))
      const names: string[] = []
      for await (const { path: name } of mergedEntries(edited, (await readSourceImage(edited, amd64)).manifest))
        names.push(name)
      expect(names.sort()).toEqual(['new.txt', 'old.txt'])
      expect((await Array.fromAsync(validateContent(edited))).filter(({ error }) => error !== undefined)).toEqual([])
    })
    await expect(fileLayer(join(folder, 'none.tar'), signal)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
    await writeFile(join(folder, 'bad.tar.gz'), Buffer.from([0x1f, 0x8b, 1, 2, 3]))
    await expect(fileLayer(join(folder, 'bad.tar.gz'), signal)).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  })

  it('merges as overlay does: whiteouts, opaque folders, a file in place of a folder', async () => {
    const image = await imageOf([
      await layerOf([
        ['a/', '', { type: 'directory' }],
        ['a/1', 'one'],
        ['a/2', 'two'],
        ['b/', '', { type: 'directory' }],
        ['b/x', 'x'],
        ['c/', '', { type: 'directory' }],
        ['c/deep/', '', { type: 'directory' }],
        ['c/deep/f', 'f'],
        ['d', 'low'],
      ]),
      await layerOf([
        ['a/.wh.1', ''],
        ['b/', '', { type: 'directory' }],
        ['b/.wh..wh..opq', ''],
        ['b/y', 'y'],
        ['c', 'now a file'],
        ['d', 'high'],
      ]),
    ])
    await bench({ app: image }, async (_, at) => {
      const files = new Map<string, string>()
      for await (const { path, content } of mergedEntries(at('app'), image.manifest))
        files.set(path, Buffer.concat(await Array.fromAsync(content)).toString())
      expect([...files.keys()].sort()).toEqual(['a', 'a/2', 'b', 'b/y', 'c', 'd'])
      expect(files.get('d')).toBe('high')
    })
  })

  it('tells what differs: config, packages, files', async () => {
    const status = (version: string): string =>
      `Package: libc6\nStatus: install ok installed\nVersion: ${version}\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n`
    const base = await layerOf([
      ['etc/hosts', 'same'],
      ['etc/old', 'old'],
      ['var/lib/dpkg/status', status('2.36')],
    ])
    const before = await imageOf([base], { config: { User: 'a' } })
    const after = await imageOf(
      [
        base,
        await layerOf([
          ['etc/.wh.old', ''],
          ['etc/new', 'new'],
          ['var/lib/dpkg/status', status('2.37')],
        ]),
      ],
      { config: { User: 'b' } },
    )
    await bench({ before, after }, async (_, at) => {
      const of = async (name: string) => ({ source: at(name), image: await readSourceImage(at(name), amd64) })
      const diff = await diffImages(await of('before'), await of('after'))
      expect(diff.config).toEqual([{ name: 'config.User', kind: 'changed', before: 'a', after: 'b' }])
      expect(diff.packages).toEqual([{ name: 'libc6', kind: 'changed', before: '2.36', after: '2.37' }])
      expect(diff.files.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
        'added etc/new',
        'removed etc/old',
        'changed var/lib/dpkg/status',
      ])
      const none = await diffImages(await of('before'), await of('before'))
      expect([...none.config, ...none.packages, ...none.files]).toEqual([])
    })
  })

  it("reads apk's database", () => {
    expect(parsePackages('C:Q1\nP:musl\nV:1.2.5-r0\n\nP:busybox\nV:1.36\n')).toEqual(
      new Map([
        ['musl', '1.2.5-r0'],
        ['busybox', '1.36'],
      ]),
    )
  })
})

describe('rebase', () => {
  it('moves own layers, and lets what came from the base follow it', async () => {
    const [old, next, own] = [
      await layerOf([
        ['lib', 'v1'],
        ['etc/conf', 'c'],
      ]),
      await layerOf([
        ['lib', 'v2'],
        ['etc/conf', 'c'],
      ]),
      await layerOf([
        ['app', 'mine'],
        ['etc/conf', 'changed'],
      ]),
    ]
    const images = {
      old: await imageOf([old], {
        config: { Env: ['PATH=/bin', 'V=1'], Cmd: ['sh'] },
        history: [{ created_by: 'base 1' }],
      }),
      next: await imageOf([next], {
        config: { Env: ['PATH=/bin', 'V=2'], Cmd: ['bash'] },
        history: [{ created_by: 'base 2' }],
      }),
      app: await imageOf([old, own], {
        config: { Env: ['PATH=/opt:/bin', 'V=1', 'MINE=1'], Cmd: ['sh'] },
        history: [{ created_by: 'base 1' }, { created_by: 'own' }],
      }),
    }
    await bench(images, async (_, at) => {
      const of = async (name: string) => ({ source: at(name), image: await readSourceImage(at(name), amd64) })
      const input = { app: await of('app'), oldBase: await of('old'), newBase: await of('next') }
      expect(await proveRebase(input)).toEqual({ layers: 1, conflicts: [] })
      const { manifestLayers, config } = rebasedImage(input)
      expect(manifestLayers.map(({ digest }) => digest)).toEqual([sha256(next), sha256(own)])
      expect(config['config']).toEqual({ Env: ['PATH=/opt:/bin', 'V=2', 'MINE=1'], Cmd: ['bash'] })
      expect(config['history']).toEqual([{ created_by: 'base 2' }, { created_by: 'own' }])
    })
  })

  it.for<[string, readonly (readonly [string, string, Partial<Header>?])[], readonly string[]]>([
    ['own layer replaces what the new base changed', [['lib', 'patched']], ['lib']],
    ['own layer removes what the new base changed', [['.wh.lib', '']], ['lib']],
    ['own layer writes what the new base brings', [['fresh', 'x']], ['fresh']],
    ['own layer touches what stays', [['same', 'x']], []],
  ])('%s', async ([, entries, conflicts]) => {
    const [old, next] = [
      await layerOf([
        ['lib', 'v1'],
        ['same', 's'],
      ]),
      await layerOf([
        ['lib', 'v2'],
        ['same', 's'],
        ['fresh', 'f'],
      ]),
    ]
    await bench(
      { old: await imageOf([old]), next: await imageOf([next]), app: await imageOf([old, await layerOf(entries)]) },
      async (_, at) => {
        const of = async (name: string) => ({ source: at(name), image: await readSourceImage(at(name), amd64) })
        expect(
          (await proveRebase({ app: await of('app'), oldBase: await of('old'), newBase: await of('next') })).conflicts,
        ).toEqual(conflicts)
      },
    )
  })

  it('refuses an image that does not stand on the old base', async () => {
    const [a, b] = [await layerOf([['a', '1']]), await layerOf([['b', '1']])]
    await bench({ app: await imageOf([a]), base: await imageOf([b]) }, async (_, at) => {
      const of = async (name: string) => ({ source: at(name), image: await readSourceImage(at(name), amd64) })
      await expect(
        proveRebase({ app: await of('app'), oldBase: await of('base'), newBase: await of('base') }),
      ).rejects.toMatchObject({ code: 'MANIFEST_INVALID' })
    })
  })
})

describe('conversion', () => {
  it('changes the family of manifests and index, and nothing else; back again it is what it was', async () => {
    const arm = (config: Record<string, unknown>): Record<string, unknown> => ({ ...config, architecture: 'arm64' })
    const [one, two] = [await tarImage([{ a: '1' }]), await tarImage([{ a: '2' }], { config: arm })]
    await bench({ one, two }, async (_registry, at) => {
      const parts = [{ source: at('one') }, { source: at('two') }]
      const index = await joinIndex({ ...plainParts, parts, family: 'oci' })
      const docker = await convertFamily(index, 'docker')
      const top = parseManifest((await docker.resolve()).bytes, undefined, 'x')
      if (top.kind === 'manifest') return expect.fail('no index')
      expect(top.index.mediaType).toBe(mediaTypes.dockerIndex)
      for (const [at_, entry] of top.index.manifests.entries()) {
        const child = parseManifest((await docker.manifest(entry.digest)).bytes, undefined, 'x')
        if (child.kind === 'index') return expect.fail('no manifest')
        const was = [one, two][at_]!.manifest
        expect(child.manifest.mediaType).toBe(mediaTypes.dockerManifest)
        expect(child.manifest.config).toEqual({ ...was.config, mediaType: mediaTypes.dockerConfig })
        expect(child.manifest.layers.map(({ digest }) => digest)).toEqual(was.layers.map(({ digest }) => digest))
      }
      const back = await convertFamily(docker, 'oci')
      const entries = parseManifest((await back.resolve()).bytes, undefined, 'x')
      expect(entries.kind === 'index' && entries.index.manifests.map(({ digest }) => digest)).toEqual([
        one.digest,
        two.digest,
      ])
      expect(await convertFamily(at('one'), 'oci')).toHaveProperty('name', at('one').name)
      expect((await (await convertFamily(at('one'), 'oci')).resolve()).descriptor.digest).toBe(one.digest)
    })
  })

  it("refuses what docker's format cannot say", async () => {
    const zstd = await tarImage([{ a: '1' }], { compression: 'zstd' })
    const noted = await tarImage([{ a: '1' }], { manifest: (manifest) => ({ ...manifest, annotations: { a: 'b' } }) })
    await bench({ zstd, noted }, async (_registry, at) => {
      for (const name of ['zstd', 'noted'])
        await expect(convertFamily(at(name), 'docker')).rejects.toMatchObject({ code: 'MANIFEST_UNSUPPORTED' })
    })
  })
})

describe('index', () => {
  it('joins images, replaces a platform, filters', async () => {
    const arm = await tarImage([{ a: 'arm' }], {
      config: (config) => ({ ...config, architecture: 'arm64', variant: 'v8' }),
    })
    const [one, two] = [await tarImage([{ a: '1' }]), await tarImage([{ a: '2' }])]
    await bench({ one, two, arm }, async (registry, at) => {
      const joined = await joinIndex({
        ...plainParts,
        parts: [{ source: at('one') }, { source: at('arm') }],
        annotations: { k: 'v' },
      })
      await using client = testClient()
      const reference = parseReference(`${registry.host}/all:1`)
      await copyContent(joined, registrySink(client, reference, options), copyAll)
      const again = await joinIndex({
        ...plainParts,
        parts: [{ source: at('two') }],
        onto: registrySource(client, reference, options),
      })
      const top = await again.resolve()
      const document = parseManifest(top.bytes, top.descriptor.mediaType, 'x')
      if (document.kind === 'manifest') return expect.fail('no index')
      expect(document.index.annotations).toEqual({ k: 'v' })
      expect(document.index.manifests.map(({ digest }) => digest)).toEqual([arm.digest, two.digest])
      const filtered = await filterIndex(again, [{ os: 'linux', architecture: 'arm64' }])
      expect(Buffer.from((await filtered.resolve()).bytes).toString()).not.toContain(two.digest)
      await expect(filterIndex(again, [{ os: 'linux', architecture: 's390x' }])).rejects.toMatchObject({
        code: 'PLATFORM_NOT_FOUND',
      })
      await expect(filterIndex(at('one'), [amd64])).rejects.toMatchObject({ code: 'MANIFEST_UNSUPPORTED' })
    })
  })
})

describe('copy', () => {
  it('keeps digests through a layout and back, once per blob', async () => {
    const image = await tarImage([{ a: '1' }, { b: '2' }])
    await bench({ app: image }, async (registry, at) => {
      const layout = join(folder, 'layout')
      const first = await copyContent(at('app'), layoutSink(layout, 'v1'), copyAll)
      expect(first).toMatchObject({ descriptor: { digest: image.digest }, blobs: { copied: 3 } })
      expect(await copyContent(at('app'), layoutSink(layout, 'v2'), copyAll)).toMatchObject({
        blobs: { copied: 0, existed: 0 },
      })
      await using client = testClient()
      const reference = parseReference(`${registry.host}/back:1`)
      expect(
        (await copyContent(layoutSource(layout, 'v2'), registrySink(client, reference, options), copyAll)).descriptor
          .digest,
      ).toBe(image.digest)
      expect(registry.memory.manifests.get('back:1')?.bytes).toEqual(image.bytes)
      await expect(layoutSource(layout, 'none').resolve()).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' })
    })
  })

  it('a layout whose blob rotted is noticed', async () => {
    const image = await tarImage([{ a: '1' }])
    await bench({ app: image }, async (registry, at) => {
      const layout = join(folder, 'rotten')
      await copyContent(at('app'), layoutSink(layout, 'v1'), copyAll)
      const path = join(layout, 'blobs/sha256', image.manifest.layers[0]!.digest.slice(7))
      const bytes = await readFile(path)
      bytes[5] = (bytes[5] ?? 0) ^ 1
      await writeFile(path, bytes)
      registry.memory.blobs.clear()
      await using client = testClient()
      await expect(
        copyContent(
          layoutSource(layout, 'v1'),
          registrySink(client, parseReference(`${registry.host}/bad:1`), options),
          copyAll,
        ),
      ).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
      expect(registry.memory.manifests.has('bad:1')).toBe(false)
      const findings = await Array.fromAsync(validateContent(layoutSource(layout, 'v1')))
      expect(findings.filter(({ error }) => error !== undefined).map(({ error }) => error?.code)).toEqual([
        'DIGEST_MISMATCH',
      ])
    })
  })

  it('a failing target leaves no manifest', async () => {
    await bench({ app: await tarImage() }, async (registry, at) => {
      registry.on('POST', /\/v2\/full\/blobs/, refuse(403, 'DENIED', 'quota exceeded'))
      const layout = layoutSource(join(folder, 'whole'), 'v1')
      await copyContent(at('app'), layoutSink(join(folder, 'whole'), 'v1'), copyAll)
      registry.memory.blobs.clear()
      await using client = testClient()
      await expect(
        copyContent(layout, registrySink(client, parseReference(`${registry.host}/full:1`), options), copyAll),
      ).rejects.toMatchObject({ code: 'REGISTRY_DENIED' })
      expect(registry.memory.manifests.has('full:1')).toBe(false)
    })
  })

  it('takes referrers along', async () => {
    const image = await tarImage()
    await bench({ app: image }, async (registry, at) => {
      await using client = testClient()
      const subject = (await at('app').resolve()).descriptor
      const artifact = await artifactSource({ type: 'application/x', files: [], annotations: {}, subject })
      const { digest } = (await artifact.resolve()).descriptor
      await copyContent(
        artifact,
        registrySink(client, withDigest(parseReference(`${registry.host}/app`), digest), options),
        copyAll,
      )
      await copyContent(at('app'), registrySink(client, parseReference(`${registry.host}/other:1`), options), {
        ...copyAll,
        referrers: true,
      })
      expect(registry.memory.manifests.has(`other@${digest}`)).toBe(true)
    })
  })
})

describe('artifacts', () => {
  it('bring files back by their titles', async () => {
    const path = join(folder, 'note.txt')
    await writeFile(path, 'a note')
    const out = join(folder, 'out')
    const source = await artifactSource({
      type: 'application/x',
      files: [{ path, mediaType: 'text/plain' }],
      annotations: { a: 'b' },
    })
    expect(await extractArtifact(source, out, signal)).toEqual([join(out, 'note.txt')])
    expect(await readFile(join(out, 'note.txt'), 'utf8')).toBe('a note')
    await expect(
      artifactSource({ type: 'x/y', files: [{ path: join(folder, 'none'), mediaType: 'a/b' }], annotations: {} }),
    ).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })

  it.for(['../evil', 'a/b', '..', '/etc/passwd'])('a title "%s" writes nothing', async (title) => {
    const path = join(folder, 'x.txt')
    await writeFile(path, 'x')
    const honest = await artifactSource({
      type: 'application/x',
      files: [{ path, mediaType: 'text/plain' }],
      annotations: {},
    })
    const bytes = Buffer.from(
      Buffer.from((await honest.resolve()).bytes)
        .toString()
        .replace('"x.txt"', JSON.stringify(title)),
    )
    const evil = {
      ...honest,
      resolve: async () => ({
        bytes,
        descriptor: { mediaType: mediaTypes.ociManifest, digest: sha256(bytes), size: bytes.byteLength },
      }),
    }
    const out = await mkdtemp(join(folder, 'evil-'))
    await expect(extractArtifact(evil, join(out, 'in'), signal)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' })
    expect(await readdir(out)).toEqual(['in'])
    expect(await readdir(join(out, 'in'))).toEqual([])
  })

  it('does not write through a link that lies in the way', async () => {
    const path = join(folder, 'y.txt')
    await writeFile(path, 'new')
    const out = await mkdtemp(join(folder, 'link-'))
    await writeFile(join(folder, 'victim'), 'old')
    await symlink(join(folder, 'victim'), join(out, 'y.txt'))
    await extractArtifact(
      await artifactSource({ type: 'application/x', files: [{ path, mediaType: 'text/plain' }], annotations: {} }),
      out,
      signal,
    )
    expect(await readFile(join(folder, 'victim'), 'utf8')).toBe('old')
  })
})

describe('locations', () => {
  it.for([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['docker://quay.io/a/b:c', 'quay.io/a/b:c'],
    ['store:my/app:1', 'store:my/app:1'],
    ['oci:/tmp/x:v1', 'oci:/tmp/x:v1'],
    ['oci:/tmp/x', 'oci:/tmp/x'],
    ['oci-archive:a.tar:v1', 'oci-archive:a.tar:v1'],
    ['docker-archive:a.tar:my/app:1', 'docker-archive:a.tar:my/app:1'],
  ] as const)('%s', ([text, want]) => {
    expect(formatLocation(parseLocation(text))).toBe(want)
  })

  it.for(['oci:', 'store:', 'containers-storage:x', 'Bad Name'])('refuses "%s"', (text) => {
    expect(() => parseLocation(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/USAGE|REFERENCE_INVALID/) as string }),
    )
  })
})
