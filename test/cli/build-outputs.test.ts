import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, readFileSync, readdirSync, symlinkSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { explainSkip, peerCommand } from '../helpers/peers.ts'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let target: Registry
let cli: Cli
let context: string

beforeAll(async () => {
  target = await startRegistry()
  cli = openCli()
  context = cli.files('context', {
    Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY <<E /arch\n$TARGETARCH\nE\nCOPY file /dir/file\n',
    file: 'content\n',
  })
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

const indexType = 'application/vnd.oci.image.index.v1+json'
const manifestType = 'application/vnd.oci.image.manifest.v1+json'

async function served(repository: string, reference: string): Promise<{ digest: string | null; body: Document }> {
  const headers = { accept: `${indexType}, ${manifestType}` }
  const response = await fetch(`${target.origin}/v2/${repository}/manifests/${reference}`, { headers })
  return { digest: response.headers.get('docker-content-digest'), body: (await response.json()) as Document }
}

interface Entry {
  readonly digest: string
  readonly mediaType: string
  readonly platform?: object
  readonly annotations?: Readonly<Record<string, string>>
}

interface Document {
  readonly mediaType: string
  readonly manifests: readonly Entry[]
  readonly layers: readonly Entry[]
  readonly annotations?: Readonly<Record<string, string>>
}

const metadata = (): Readonly<Record<string, string>> =>
  JSON.parse(readFileSync(join(cli.folder, 'metadata'), 'utf8')) as Readonly<Record<string, string>>

const build = (...args: readonly string[]): Promise<string> =>
  cli.ok('build', '-q', '--metadata-file', join(cli.folder, 'metadata'), ...args, context)

/** A file of an archive. */
const member = (archive: string, path: string): string =>
  execFileSync('tar', ['-xOf', join(cli.folder, archive), path], { encoding: 'utf8' })

const indexOf = (archive: string): Document => JSON.parse(member(archive, 'index.json')) as Document

describe('--push', () => {
  it('tells in the metadata the digest that the registry has', async () => {
    await build('--push', '-t', `${target.host}/pushed:1`)
    const { digest } = await served('pushed', '1')
    expect(metadata()['containerimage.digest']).toBe(digest)
    expect(metadata()['image.name']).toBe(`${target.host}/pushed:1`)
  })

  it('by digest leaves no tag, and gives the whole index of several platforms', async () => {
    const output = `type=image,name=${target.host}/untagged,push-by-digest=true,push=true`
    await build('--platform', 'linux/amd64,linux/arm64', '-o', output)
    const digest = metadata()['containerimage.digest']!
    const { body } = await served('untagged', digest)
    expect(body.manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ])
    const tags = (await (await fetch(`${target.origin}/v2/untagged/tags/list`)).json()) as { tags?: string[] | null }
    expect(tags.tags ?? []).toEqual([])
    expect(await cli.ok('images', '--format', '{{.Repository}} {{.Digest}}')).toContain(
      `${target.host}/untagged ${digest}`,
    )
  })

  it('without a name is refused before anything is built', async () => {
    const before = await cli.inventory()
    const error = await cli.fails(['build', '--push', '--build-arg', 'X=1', context])
    expect(error).toMatchObject({ code: 'USAGE', status: 2, hint: 'Name it with -t' })
    expect(await cli.inventory()).toEqual(before)
  })
})

describe('the names of an image', () => {
  const names = async (): Promise<readonly string[]> =>
    (await cli.ok('images', '-a', '--format', '{{.Repository}}:{{.Tag}} {{.Digest}}', '--no-trunc')).trim().split('\n')
  const digest = (): string => metadata()['containerimage.digest']!

  it('are with name-canonical also there by digest, which is that of the registry', async () => {
    const name = `${target.host}/canonical`
    for (const push of [false, true]) {
      await build('-o', `type=image,name=${name}:1,name-canonical=true,push=${push}`, '--label', `push=${push}`)
      expect(await cli.ok('image', 'inspect', '-f', '{{len .RepoTags}}', `${name}@${digest()}`)).toBe('1\n')
    }
    expect((await served('canonical', '1')).digest).toBe(digest())
  })

  it('begin with dangling-name-prefix where it has none', async () => {
    await build('-o', 'type=image,dangling-name-prefix=some/dangling', '--label', 'dangling=1')
    expect(metadata()['image.name']).toBe(`docker.io/some/dangling@${digest()}`)
    expect(await names()).toContain(`some/dangling:<none> ${digest()}`)
    await build('-t', 'named', '-o', 'type=image,dangling-name-prefix=some/other', '--label', 'dangling=2')
    expect(metadata()['image.name']).toBe('docker.io/library/named:latest')
    expect((await names()).join()).not.toContain('some/other')
    const pushed = `type=registry,dangling-name-prefix=${target.host}/dangling`
    await build('-o', pushed, '--label', 'dangling=3')
    expect((await served('dangling', digest())).digest).toBe(digest())
  })

  it('are not here with store=false', async () => {
    const before = await names()
    await build('-t', `${target.host}/elsewhere`, '-o', 'type=image,store=false,push=true', '--label', 'store=false')
    expect((await served('elsewhere', 'latest')).digest).toBe(digest())
    expect(await names()).toEqual(before)
  })
})

describe('registry.insecure', () => {
  it('pushes without TLS to a registry that is not this machine', async () => {
    // A name that no setting allows to be asked without TLS, led to the registry by a proxy that has no TLS to offer.
    const [host, port] = target.host.split(':')
    const proxy = createServer((request, response) => {
      const { pathname, search } = new URL(request.url ?? '')
      const { method, headers } = request
      const onward = httpRequest({ host, port, method, headers, path: pathname + search }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      request.pipe(onward)
    })
    proxy.on('connect', (_, socket: Duplex) => void socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const env = { HTTP_PROXY: address, HTTPS_PROXY: address }
    const command = ['build', '-t', 'registry.invalid/without-tls', context, '-o']
    try {
      expect((await cli.fails([...command, 'type=registry'], { env })).code).toMatch(/^REGISTRY_/)
      expect(await cli.run([...command, 'type=registry,registry.insecure=true'], { env })).toMatchObject({ status: 0 })
      expect((await served('without-tls', 'latest')).digest).toMatch(/^sha256:/)
    } finally {
      proxy.closeAllConnections()
      proxy.close()
    }
  })
})

describe('an archive', () => {
  it('has the manifest that a push would give, and leaves nothing in the store but the cache', async () => {
    const names = ['images', '-a', '--format', '{{.ID}}'] as const
    const before = await cli.ok(...names)
    await build('--label', 'only=archive', '-o', `type=oci,dest=${join(cli.folder, 'a.oci')}`)
    expect(await cli.ok(...names)).toBe(before)
    const [entry] = indexOf('a.oci').manifests
    expect(entry?.digest).toBe(metadata()['containerimage.digest'])
    await build('--push', '--label', 'only=archive', '-t', `${target.host}/same`)
    expect((await served('same', 'latest')).digest).toBe(entry?.digest)
  })

  it('has annotations where they belong, whether flags or keys of -o give them', async () => {
    const dest = join(cli.folder, 'b.oci')
    const output = `type=oci,dest=${dest},annotation.a=1,annotation-manifest-descriptor.b=2,annotation-manifest[linux/arm64].no=0`
    await build('-o', output, '--annotation', 'c=3', '--annotation', 'manifest-descriptor:d=4')
    const [entry] = indexOf('b.oci').manifests
    expect(entry?.annotations).toEqual({ b: '2', d: '4' })
    const manifest = JSON.parse(member('b.oci', `blobs/${entry!.digest.replace(':', '/')}`)) as Document
    expect(manifest.annotations).toEqual({ a: '1', c: '3' })
  })

  it('of several platforms names their index, which has no platform itself', async () => {
    const output = `type=oci,dest=${join(cli.folder, 'c.oci')},name=some/name:1,annotation-index.a=1`
    const flags = ['--platform', 'linux/amd64,linux/arm/v7', '--annotation', 'index-descriptor:b=2']
    await build('-o', output, ...flags, '--annotation', 'manifest[linux/arm/v7]:c=3')
    const [entry, ...rest] = indexOf('c.oci').manifests
    expect(rest).toEqual([])
    expect(entry).toMatchObject({ mediaType: indexType, digest: metadata()['containerimage.digest'] })
    expect(entry?.platform).toBeUndefined()
    expect(entry?.annotations).toEqual({
      b: '2',
      'io.containerd.image.name': 'docker.io/some/name:1',
      'org.opencontainers.image.ref.name': '1',
    })
    const index = JSON.parse(member('c.oci', `blobs/${entry!.digest.replace(':', '/')}`)) as Document
    expect(index.annotations).toEqual({ a: '1' })
    expect(index.manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ])
  })

  it.for(['gzip', 'zstd', 'uncompressed'])('compressed by %s has layers of that type', async (kind) => {
    const dest = join(cli.folder, `${kind}.oci`)
    await build('-o', `type=oci,dest=${dest},compression=${kind},force-compression=true`)
    const [entry] = indexOf(`${kind}.oci`).manifests
    const manifest = JSON.parse(member(`${kind}.oci`, `blobs/${entry!.digest.replace(':', '/')}`)) as Document
    const suffix = kind === 'uncompressed' ? '' : `+${kind}`
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual(
      Array.from({ length: 2 }, () => `application/vnd.oci.image.layer.v1.tar${suffix}`),
    )
  })

  it('that cannot be written leaves nothing, and a device is not replaced', async () => {
    const error = await cli.fails(['build', '-o', `type=oci,dest=${join(cli.folder, 'none/x')}`, context])
    expect(error.code).toBe('FILE_UNREADABLE')
    expect(existsSync(join(cli.folder, 'none'))).toBe(false)
    for (const type of ['oci', 'tar']) await build('-o', `type=${type},dest=/dev/null`)
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true)
    expect(readdirSync(cli.folder).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('is an image for podman and skopeo', async (test) => {
    const skopeo = peerCommand('skopeo')
    if (skopeo === undefined) {
      explainSkip('skopeo')
      return test.skip()
    }
    const args = [...skopeo.slice(1), 'inspect', '--format', '{{.Digest}}', `oci-archive:${join(cli.folder, 'a.oci')}`]
    const digest = execFileSync(skopeo[0]!, args, { encoding: 'utf8' }).trim()
    expect(digest).toBe(indexOf('a.oci').manifests[0]?.digest)
  })
})

describe('files', () => {
  const listing = (archive: string): readonly string[] =>
    execFileSync('tar', ['-tf', join(cli.folder, archive)], { encoding: 'utf8' })
      .trim()
      .split('\n')

  it('of one platform are at the top of the tar, of several in folders', async () => {
    await build('-o', `type=tar,dest=${join(cli.folder, 'one.tar')}`)
    expect(listing('one.tar')).toEqual(['arch', 'dir/', 'dir/file'])
    await build('--platform', 'linux/amd64,linux/arm64', '-o', `type=tar,dest=${join(cli.folder, 'two.tar')}`)
    expect(listing('two.tar')).toEqual(
      ['linux_amd64/', 'linux_arm64/'].flatMap((folder) =>
        ['', 'arch', 'dir/', 'dir/file'].map((name) => `${folder}${name}`),
      ),
    )
    expect(member('two.tar', 'linux_arm64/arch')).toBe('arm64\n')
    expect(member('two.tar', 'linux_amd64/dir/file')).toBe('content\n')
  })

  it('replace what is in a folder only below the working directory, unless that is allowed', async () => {
    const files = { 'here/out/old': '', 'there/old': '' }
    const folder = cli.files('deleted', files)
    const cwd = join(folder, 'here')
    const there = join(folder, 'there')
    symlinkSync(there, join(cwd, 'link'))
    const replace = (dest: string, ...flags: readonly string[]): readonly string[] => {
      return ['build', '-q', '-o', `type=local,mode=delete,dest=${dest}`, ...flags, context]
    }
    for (const dest of ['.', '../there', there, 'link']) {
      const error = await cli.fails(replace(dest), { cwd })
      expect(error).toMatchObject({ code: 'ENTITLEMENT_MISSING', hint: 'Allow it with --allow buildx.local.delete' })
    }
    expect(existsSync(join(there, 'old'))).toBe(true)
    await cli.ok(...replace(there, '--allow', 'buildx.local.delete'))
    expect(readdirSync(there)).toEqual(['arch', 'dir'])
    const { status, stderr } = await cli.run(replace('out'), { cwd })
    expect({ status, stderr }).toMatchObject({ status: 0 })
    expect(readdirSync(join(cwd, 'out'))).toEqual(['arch', 'dir'])
  })

  it('on stdout are all that is there, also with -q', async () => {
    const { stdout } = await cli.run(['build', '-q', '-o', '-', '-o', 'type=image', context])
    const archive = join(cli.files('out', { 'x.tar': stdout }), 'x.tar')
    expect(execFileSync('tar', ['-xOf', archive, 'dir/file'], { encoding: 'utf8' })).toBe('content\n')
    expect(stdout).not.toContain('sha256:')
  })
})

describe('the images of an index', () => {
  it('are one image for people, and go with its name', async () => {
    const before = await cli.inventory()
    await cli.ok('build', '-q', '-t', 'multi', '--platform', 'linux/amd64,linux/arm64', '--label', 'x=y', context)
    const rows = (await cli.ok('images', '-a', '--format', '{{.Repository}}:{{.Tag}}')).split('\n')
    expect(rows.filter((row) => row === 'multi:latest')).toHaveLength(1)
    expect(rows).not.toContain('<none>:<none>')
    await cli.ok('image', 'prune', '-f')
    const arm = await cli.ok('image', 'inspect', '--platform', 'linux/arm64', '-f', '{{.Architecture}}', 'multi')
    expect(arm).toBe('arm64\n')
    await cli.ok('rmi', 'multi')
    const left = (await cli.inventory()).filter((item) => item.startsWith('image ') || item.startsWith('blobs/'))
    expect(left.filter((item) => !before.includes(item))).toEqual([])
  })

  it('cannot be annotated where there is none', async () => {
    const error = await cli.fails(['build', '--annotation', 'index:a=b', context])
    expect(error).toMatchObject({ code: 'USAGE', status: 2 })
    expect(error.message).toContain('"a"')
  })
})

it.for([
  ['type=oci,dst=x', 'Did you mean "dest"?'],
  ['type=image,compresion=zstd', 'Did you mean "compression"?'],
  ['type=image,annotations.a=b', 'Keys are '],
  ['type=immage', 'Did you mean "type=image"?'],
  ['type=image,compression-level=12', undefined],
  ['type=oci,dest=-,tar=false', undefined],
  ['type=image,store=2', undefined],
  ['type=image,unpack=x', undefined],
])('-o %s is refused', async ([output, hint]) => {
  const error = await cli.fails(['build', '-o', output!, context])
  expect(error).toMatchObject({ code: 'USAGE', status: 2 })
  expect(error.message).toContain('--output')
  if (hint !== undefined) expect(error.hint).toContain(hint)
})

describe('--build-context name=oci-layout://', () => {
  let folder: string
  let user: string

  beforeAll(async () => {
    folder = join(cli.folder, 'layout')
    const output = `type=oci,dest=${folder},tar=false,name=some/name:1`
    await build('--platform', 'linux/amd64,linux/arm64', '--label', 'from=layout', '-o', output)
    user = cli.files('layout-user', { Dockerfile: 'FROM base\nCOPY --from=base /dir/file /copied\n' })
  })

  it('is a base image of the platform, by tag or digest, without a name in the store', async () => {
    const before = await cli.ok('images', '-a', '-q')
    const digest = (JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Document).manifests[0]!.digest
    for (const source of [`${folder}:1`, `${folder}@${digest}`]) {
      const dest = join(cli.folder, 'layout-result')
      const flags = ['--build-context', `base=oci-layout://${source}`, '--platform', 'linux/arm64', '-o', dest]
      await cli.ok('build', '-q', ...flags, user)
      expect(readFileSync(join(dest, 'arch'), 'utf8')).toBe('arm64\n')
      expect(readFileSync(join(dest, 'copied'), 'utf8')).toBe('content\n')
    }
    expect(await cli.ok('images', '-a', '-q')).toBe(before)
  })

  it('gives its config, and its blobs as they are', async () => {
    const ref = `${target.host}/from-layout`
    await cli.ok('build', '-q', '--push', '-t', ref, '--build-context', `base=oci-layout://${folder}:1`, user)
    expect(await cli.ok('image', 'inspect', '-f', '{{json .Config.Labels}}', ref)).toBe('{"from":"layout"}\n')
    const { body } = await served('from-layout', 'latest')
    expect(existsSync(join(folder, 'blobs', body.layers[0]!.digest.replace(':', '/')))).toBe(true)
  })

  it.for([
    ['/no/such/folder', 'CONTEXT_UNREADABLE'],
    [':2', 'CONTEXT_UNREADABLE'],
  ])('%s is refused', async ([place, code]) => {
    const source = place!.startsWith('/') ? place! : `${folder}${place}`
    const flags = ['--build-context', `base=oci-layout://${source}`]
    const error = await cli.fails(['build', ...flags, user])
    expect(error).toMatchObject({ code, status: 1 })
  })
})
