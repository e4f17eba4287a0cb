import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/oci/digest.ts'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { tarImage, tarOf } from '../helpers/tar-image.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let registry: Registry
let cli: Cli
let list: string

/** Images of two platforms, and one in OCI's format, in a registry; nothing of them in the store. */
beforeAll(async () => {
  registry = await startRegistry()
  cli = openCli()
  for (const [tag, architecture, family] of [
    ['amd', 'amd64', 'docker'],
    ['arm', 'arm64', 'docker'],
    ['oci', 'riscv64', 'oci'],
  ] as const) {
    const image = await tarImage([{ tag }], { family, config: (plain) => ({ ...plain, architecture }) })
    const path = join(cli.folder, `${tag}.tar`)
    writeFileSync(path, await layoutOf(image))
    await cli.ok('registry', 'copy', '-q', `oci-archive:${path}`, at(tag))
  }
  list = `${registry.host}/lists:1`
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const at = (tag: string): string => `${registry.host}/app:${tag}`
const digestOf = async (name: string): Promise<string> => (await cli.ok('registry', 'digest', name)).trim()

async function layoutOf(image: Awaited<ReturnType<typeof tarImage>>): Promise<Buffer> {
  const entry = { mediaType: image.manifest.mediaType, digest: image.digest, size: image.bytes.byteLength }
  const blobs = [image.bytes, image.config, ...image.layers]
  return tarOf({
    ...Object.fromEntries(blobs.map((blob) => [`blobs/sha256/${sha256(blob).slice(7)}`, blob])),
    'index.json': JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
  })
}

describe('manifest', () => {
  it('create, annotate, inspect and push make the list that docker makes', async () => {
    expect(await cli.ok('manifest', 'create', list, at('arm'), at('amd'))).toBe(`Created manifest list ${list}\n`)
    await cli.ok('manifest', 'annotate', list, at('arm'), '--variant', 'v8', '--os-features', 'a,b')
    const size = async (tag: string): Promise<number> =>
      Buffer.byteLength(await cli.ok('registry', 'manifest', at(tag)))
    const mediaType = 'application/vnd.docker.distribution.manifest.v2+json'
    const entry = async (tag: string, platform: object): Promise<object> => ({
      mediaType,
      size: await size(tag),
      digest: await digestOf(at(tag)),
      platform,
    })
    const want = JSON.stringify(
      {
        schemaVersion: 2,
        mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
        manifests: [
          await entry('amd', { architecture: 'amd64', os: 'linux' }),
          await entry('arm', { architecture: 'arm64', os: 'linux', 'os.features': ['a', 'b'], variant: 'v8' }),
        ],
      },
      undefined,
      3,
    )
    expect(await cli.ok('manifest', 'inspect', list)).toBe(`${want}\n`)
    const [, second] = JSON.parse(await cli.ok('manifest', 'inspect', '-v', list)) as [object, { readonly Raw: string }]
    expect(second).toMatchObject({ Ref: at('arm'), Descriptor: { platform: { variant: 'v8' } } })
    expect(sha256(Buffer.from(second.Raw, 'base64'))).toBe(await digestOf(at('arm')))
    const pushed = (await cli.ok('manifest', 'push', '--purge', list)).trim().split('\n')
    expect(pushed).toHaveLength(3)
    expect(pushed[0]).toMatch(/^Pushed ref \S+\/lists@(sha256:\S+) with digest: \1$/)
    expect(pushed[2]).toBe(sha256(Buffer.from(want)))
    expect(await digestOf(list)).toBe(pushed[2])
    expect(await cli.ok('registry', 'validate', '-q', list)).toBe('')
    // It is gone from the store: what is shown now comes from the registry.
    expect(await cli.ok('manifest', 'inspect', list)).toBe(`${want}\n`)
    expect(await cli.fails(['manifest', 'rm', list])).toMatchObject({ code: 'MANIFEST_LIST_NOT_FOUND', status: 1 })
  })

  it('an image twice is one entry, other lists stay', async () => {
    await cli.ok('manifest', 'create', list, at('amd'))
    await cli.ok('manifest', 'create', `${list}-other`, at('arm'))
    await cli.ok('manifest', 'create', '--amend', list, at('amd'))
    const manifests = (text: string): readonly unknown[] => (JSON.parse(text) as { manifests: unknown[] }).manifests
    expect(manifests(await cli.ok('manifest', 'inspect', list))).toHaveLength(1)
    const failed = await cli.run(['manifest', 'rm', `${list}-none`, list])
    expect(failed).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`No such manifest: ${list}-none`) as string,
    })
    expect(manifests(await cli.ok('manifest', 'inspect', `${list}-other`))).toHaveLength(1)
    await cli.ok('manifest', 'rm', `${list}-other`)
  })

  it('what is refused leaves no list', async () => {
    const index = `${registry.host}/app:index`
    await cli.ok('imagetools', 'create', '-t', index, at('amd'), at('arm'))
    const fresh = `${registry.host}/lists:fresh`
    for (const [args, code, message] of [
      [['create', fresh, at('amd'), at('none')], 'MANIFEST_LIST_NOT_FOUND', `No such manifest: ${at('none')}`],
      [['create', fresh, index], 'MANIFEST_LIST_INVALID', 'it is a list itself'],
      [['create', 'BAD', at('amd')], 'REFERENCE_INVALID', 'BAD'],
      [['annotate', fresh, at('amd'), '--os', 'linux'], 'MANIFEST_LIST_NOT_FOUND', `does not exist in ${fresh}`],
      [['push', fresh], 'MANIFEST_LIST_NOT_FOUND', `No such manifest: ${fresh}`],
    ] as const) {
      const error = await cli.fails(['manifest', ...args])
      expect({ args, code: error.code }).toEqual({ args, code })
      expect(error.message).toContain(message)
    }
    await cli.ok('manifest', 'create', fresh, at('amd'))
    expect((await cli.fails(['manifest', 'create', fresh, at('arm')])).code).toBe('MANIFEST_LIST_EXISTS')
    const unknown = await cli.fails(['manifest', 'annotate', fresh, at('amd'), '--arch', 'vax'])
    expect(unknown).toMatchObject({ code: 'PLATFORM_INVALID', message: expect.stringContaining('linux/vax') as string })
    await cli.ok('manifest', 'rm', fresh)
  })
})

describe('imagetools create', () => {
  const dry = (...args: readonly string[]): Promise<string> => cli.ok('imagetools', 'create', '--dry-run', ...args)
  interface Shown {
    readonly mediaType: string
    readonly annotations?: object
    readonly manifests: readonly { readonly digest: string; readonly annotations?: object; readonly platform: object }[]
  }
  const shown = async (...args: readonly string[]): Promise<Shown> => JSON.parse(await dry(...args)) as Shown

  it("the dry run's bytes are those that are pushed", async () => {
    const bytes = (await dry(at('amd'), at('arm'))).replace(/\n$/, '')
    const metadata = join(cli.folder, 'metadata.json')
    const names = [`${registry.host}/joined:1`, `${registry.host}/joined:2`]
    const targets = names.flatMap((name) => ['-t', name])
    await cli.ok('imagetools', 'create', ...targets, '--metadata-file', metadata, at('amd'), at('arm'))
    expect(await Promise.all(names.map(digestOf))).toEqual([sha256(Buffer.from(bytes)), sha256(Buffer.from(bytes))])
    expect(JSON.parse(readFileSync(metadata, 'utf8'))).toMatchObject({
      'containerimage.digest': sha256(Buffer.from(bytes)),
      'image.name': names.join(','),
    })
  })

  it('is of docker only where everything is', async () => {
    const list2 = 'application/vnd.docker.distribution.manifest.list.v2+json'
    const index = 'application/vnd.oci.image.index.v1+json'
    expect((await shown(at('amd'), at('arm'))).mediaType).toBe(list2)
    expect((await shown(at('amd'), at('oci'))).mediaType).toBe(index)
    expect((await shown('--annotation', 'k=v', at('amd'))).mediaType).toBe(index)
    const error = await cli.fails([
      'imagetools',
      'create',
      '--dry-run',
      '--docker-format',
      '--annotation',
      'k=v',
      at('amd'),
    ])
    expect(error.code).toBe('USAGE')
  })

  it('annotates the index and entries of a platform', async () => {
    const { annotations, manifests } = await shown(
      ...['index:a=1', 'b=2', 'manifest-descriptor[linux/arm64]:c=3'].flatMap((text) => ['--annotation', text]),
      at('amd'),
      at('arm'),
    )
    expect(annotations).toEqual({ a: '1', b: '2' })
    expect(manifests.map((entry) => entry.annotations)).toEqual([undefined, { c: '3' }])
  })

  it('takes descriptors, digests and files, filters platforms, keeps what is alone', async () => {
    const digest = await digestOf(at('amd'))
    const file = join(cli.folder, 'descriptor.json')
    writeFileSync(file, JSON.stringify({ digest, size: 1, platform: { os: 'linux', architecture: 's390x' } }))
    const { manifests } = await shown('-t', at('x'), '-f', file, await digestOf(at('arm')))
    expect(manifests.map(({ platform }) => platform)).toEqual([
      { architecture: 's390x', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ])
    expect((await shown('-p', 'linux/arm64', at('amd'), at('arm'))).manifests).toHaveLength(1)
    expect(sha256(Buffer.from((await dry('--prefer-index=false', at('oci'))).replace(/\n$/, '')))).toBe(
      await digestOf(at('oci')),
    )
    await cli.ok('imagetools', 'create', '-t', at('grown'), at('amd'))
    await cli.ok('imagetools', 'create', '-t', at('grown'), '--append', at('arm'))
    expect((await shown(at('grown'))).manifests).toHaveLength(2)
  })

  // Nothing of these gets as far as the registry's names.
  it.for([
    [[], 'USAGE'],
    [['--dry-run', '-p', 'linux/386', 'amd'], 'PLATFORM_NOT_FOUND'],
    [['--dry-run', `sha256:${'0'.repeat(64)}`], 'USAGE'],
    [['--dry-run', '{"digest":"x"}'], 'USAGE'],
    [['--dry-run', '--annotation', 'manifest:k=v', 'amd'], 'USAGE'],
    [['amd'], 'USAGE'],
    [['-t', 'new', 'none'], 'REGISTRY_NOT_FOUND'],
  ] as const)('%s is refused', async ([args, code]) => {
    const names = args.map((arg) => (/^[a-z]+$/.test(arg) ? at(arg) : arg))
    expect(await cli.fails(['imagetools', 'create', ...names])).toMatchObject({ code })
  })
})

it('a copy brings again what was deleted below an index that the registry still has', async () => {
  const [index, copy] = [at('index'), `${registry.host}/copies:1`]
  await cli.ok('imagetools', 'create', '-t', index, at('amd'), at('arm'))
  await cli.ok('registry', 'copy', '-q', index, copy)
  await cli.ok('registry', 'delete', `${registry.host}/copies@${await digestOf(at('arm'))}`)
  expect(await cli.run(['registry', 'validate', copy])).toMatchObject({ status: 1 })
  await cli.ok('registry', 'copy', '-q', index, `${copy}-again`)
  await cli.ok('registry', 'validate', copy)
})

it('an archive is read by the ref name that it was written under', async () => {
  const path = join(cli.folder, 'named.tar')
  await cli.ok('registry', 'copy', '-q', at('oci'), `oci-archive:${path}:some`)
  await cli.ok('registry', 'copy', '-q', `oci-archive:${path}:some`, at('back'))
  expect(await digestOf(at('back'))).toBe(await digestOf(at('oci')))
  const error = await cli.fails(['registry', 'copy', `oci-archive:${path}:other`, at('back')])
  expect(error).toMatchObject({ code: 'ARCHIVE_INVALID', hint: 'It has some' })
})

describe('imagetools inspect', () => {
  const inspect = (name: string, format: string): Promise<string> =>
    cli.ok('imagetools', 'inspect', '--format', format, name)

  it('templates ask by the names of Go', async () => {
    const index = at('two')
    await cli.ok('imagetools', 'create', '-t', index, at('amd'), at('arm'))
    expect(await inspect(at('amd'), '{{.Name}} {{.Image.Config.Env}} {{.Image.OS}}')).toBe(
      `${at('amd')} [PATH=/bin] linux\n`,
    )
    expect(await inspect(index, '{{range .Manifest.Manifests}}{{.Platform.Architecture}} {{end}}')).toBe(
      'amd64 arm64 \n',
    )
    expect(await inspect(index, '{{(index .Image "linux/arm64").Architecture}}{{json .SBOM}}')).toBe('arm64{}\n')
    const whole = JSON.parse(await inspect(index, 'json')) as object
    expect(Object.keys(whole)).toEqual(['name', 'manifest', 'image'])
    expect(whole).toMatchObject({ image: { 'linux/amd64': { config: { Cmd: ['sh'] } } } })
    expect((await cli.fails(['imagetools', 'inspect', '--format', '{{.Foo}}', index])).code).toBe('TEMPLATE_INVALID')
  })

  it('shows entries and their annotations as buildx does', async () => {
    const index = at('noted')
    const note = 'manifest-descriptor[linux/amd64]:k=v'
    await cli.ok('imagetools', 'create', '-t', index, '--annotation', note, at('amd'), at('oci'))
    const text = await cli.ok('imagetools', 'inspect', index)
    expect(
      text
        .replaceAll(/sha256:[0-9a-f]{64}/g, 'D')
        .split('\n')
        .slice(3),
    ).toEqual([
      ' '.repeat(11),
      'Manifests: ',
      `  Name:        ${index}@D`,
      '  MediaType:   application/vnd.docker.distribution.manifest.v2+json',
      '  Platform:    linux/amd64',
      '  Annotations: ',
      '    k: v',
      ' '.repeat(13),
      `  Name:      ${index}@D`,
      '  MediaType: application/vnd.oci.image.manifest.v1+json',
      '  Platform:  linux/riscv64',
      '',
    ])
  })
})
