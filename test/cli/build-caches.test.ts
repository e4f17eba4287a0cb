import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let registry: Registry
let one: Cli
let two: Cli
let context: string

beforeAll(async () => {
  registry = await startRegistry()
  one = openCli()
  two = openCli()
  context = one.files('context', {
    Dockerfile: 'FROM scratch AS made\nARG TARGETARCH\nCOPY file /$TARGETARCH\nFROM scratch\nCOPY --from=made / /\n',
    file: 'content\n',
  })
})
afterAll(async () => {
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

async function cachedSteps(cli: Cli, ...flags: readonly string[]): Promise<number> {
  const { status, stderr } = await cli.run(['build', '--progress', 'plain', ...flags, context])
  expect({ status, stderr }).toMatchObject({ status: 0 })
  return stderr.match(/^#\d+ CACHED$/gm)?.length ?? 0
}

describe('a cache in a registry', () => {
  it('of mode max gives hits to a fresh store, in the form of an image', async () => {
    const ref = `${registry.host}/cache:max`
    await one.ok(
      'build',
      '-q',
      '-o',
      'type=cacheonly',
      '--cache-to',
      `type=registry,ref=${ref},mode=max,compression=zstd`,
      context,
    )
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' }
    const response = await fetch(`${registry.origin}/v2/cache/manifests/max`, { headers })
    expect(response.headers.get('content-type')).toBe('application/vnd.oci.image.manifest.v1+json')
    const { layers } = (await response.json()) as { readonly layers: readonly { readonly mediaType: string }[] }
    expect(new Set(layers.map(({ mediaType }) => mediaType))).toEqual(
      new Set(['application/vnd.oci.image.layer.v1.tar+zstd']),
    )
    expect(await cachedSteps(two, '--cache-from', ref)).toBe(2)
  })

  it('that is inline serves all platforms of an image', async () => {
    const ref = `${registry.host}/inline`
    const platforms = ['--platform', 'linux/amd64,linux/arm64']
    await one.ok('build', '-q', '--push', '-t', ref, '--cache-to', 'type=inline', ...platforms, context)
    await using three = openCli()
    expect(await cachedSteps(three, '--cache-from', `type=registry,ref=${ref}`, ...platforms)).toBe(4)
  })
})

describe('a base image that no step needs', () => {
  const base = (): string => `${registry.host}/base`
  const ref = (): string => `${registry.host}/cache:base`

  beforeAll(async () => {
    await one.ok(
      'build',
      '-q',
      '--push',
      '-t',
      base(),
      one.files('base', { Dockerfile: 'FROM scratch\nCOPY big /big\n', big: 'b'.repeat(999) }),
    )
  })

  async function layersOf(repository: string): Promise<readonly string[]> {
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' }
    const response = await fetch(`${registry.origin}/v2/${repository}/manifests/latest`, { headers })
    return ((await response.json()) as { layers: { digest: string }[] }).layers.map(({ digest }) => digest)
  }

  it('is not fetched: its steps come from the cache', async () => {
    const folder = one.files('lazy', {
      Dockerfile: `FROM ${base()} AS made\nCOPY file /made\nFROM scratch\nCOPY --from=made /made /made\n`,
      file: 'x',
    })
    await one.ok('build', '-q', '--cache-to', `type=registry,ref=${ref()},mode=max`, folder)
    await using three = openCli()
    await three.ok('build', '-q', '-t', 'lazy', '--cache-from', ref(), folder)
    const [layer] = await layersOf('base')
    expect(await three.inventory()).not.toContain(`blobs/sha256/${layer!.replace('sha256:', '')}`)
    expect(await three.ok('images', '--format', '{{.Repository}}')).toBe('lazy\n')
    // Once a step does need it, it is there.
    await three.ok('build', '-q', '--no-cache', '-t', 'lazy', folder)
    expect(await three.ok('images', '--format', '{{.Repository}}')).toContain(base())
  })

  it('keeps its blobs in an image that stands on it', async () => {
    const folder = one.files('upon', { Dockerfile: `FROM ${base()}\nCOPY file /made\n`, file: 'x' })
    await one.ok('build', '-q', '--cache-to', `type=registry,ref=${ref()},mode=max`, folder)
    await one.ok('build', '-q', '--push', '-t', `${registry.host}/upon-one`, folder)
    await using three = openCli()
    await three.ok('build', '-q', '--push', '-t', `${registry.host}/upon-two`, '--cache-from', ref(), folder)
    expect(await layersOf('upon-two')).toEqual(await layersOf('upon-one'))
    expect((await layersOf('upon-two'))[0]).toBe((await layersOf('base'))[0])
  })
})

it('a cache that cannot be had is one warning each, and the others are used', async () => {
  await using three = openCli()
  const sources = [
    `${registry.host}/nothing`,
    'type=local,src=/no/such/folder',
    'type=gha',
    'type=s3,bucket=b,region=r',
    `${registry.host}/cache:max`,
  ]
  const { status, stderr } = await three.run([
    'build',
    '--progress',
    'plain',
    ...sources.flatMap((text) => ['--cache-from', text]),
    context,
  ])
  expect(status).toBe(0)
  expect(stderr.match(/^Warning: The cache .*$/gm)).toHaveLength(4)
  expect(stderr).not.toContain('ENOENT')
  expect(stderr.match(/^#\d+ CACHED$/gm)).toHaveLength(2)
})

it('an export that fails is an error, and a warning with ignore-error', async () => {
  const target = 'type=registry,ref=127.0.0.1:1/x'
  expect(await one.fails(['build', '-q', '--cache-to', target, context])).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
  })
  const { status, stderr } = await one.run(['build', '-q', '--cache-to', `${target},ignore-error=true`, context])
  expect(status).toBe(0)
  expect(stderr).toMatch(/^Warning: The cache was not exported: /)
})

it.for([
  ['--cache-to', 'type=gha,mode=max', 'Use type=registry or type=local'],
  ['--cache-to', 'type=registry,reff=x', 'Did you mean "ref"?'],
  ['--cache-to', 'type=local,destt=x', 'Did you mean "dest"?'],
  ['--cache-to', 'type=regisry,ref=x', 'Did you mean "type=registry"?'],
  ['--cache-to', 'type=inline,mode=max', 'Use mode=min, or type=registry'],
  ['--cache-from', 'type=local', 'Add src=…'],
  ['--cache-from', 'type=local,folder=x', 'Keys are type, src, tag, digest'],
])('%s %s is refused', async ([flag, text, hint]) => {
  expect(await one.fails(['build', flag!, text!, context])).toMatchObject({ code: 'USAGE', status: 2, hint })
})
