import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tarImage, tarOf } from '../helpers/tar-image.ts'
import type { TarImageOptions } from '../helpers/tar-image.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

const base = { 'base.txt': 'b'.repeat(1000) }
let cli: Cli

beforeAll(async () => {
  cli = openCli()
  await load('app', [base, { 'app.txt': 'a'.repeat(234) }], '2026-02-01T00:00:00Z', { Labels: { team: 'x <&> y' } })
  await load('arm:1', [base], '2026-01-01T00:00:00Z', {}, 'arm64')
})
afterAll(() => cli[Symbol.asyncDispose]())

/** Brings an image in as an archive of docker. */
async function load(
  name: string,
  layers: readonly Readonly<Record<string, string>>[],
  created: string,
  config: object,
  architecture = 'amd64',
): Promise<void> {
  const options: TarImageOptions = {
    compression: 'none',
    config: (plain) => ({ ...plain, created, architecture, config: { ...(plain['config'] as object), ...config } }),
  }
  const image = await tarImage(layers, options)
  const tag = name.includes(':') ? name : `${name}:latest`
  const manifest = { Config: 'config.json', RepoTags: [tag], Layers: image.layers.map((_, at) => `${at}.tar`) }
  const files = {
    'config.json': image.config,
    ...Object.fromEntries(image.layers.map((layer, at) => [`${at}.tar`, layer])),
    'manifest.json': JSON.stringify([manifest]),
  }
  const path = join(cli.folder, 'image.tar')
  writeFileSync(path, await tarOf(files))
  expect(await cli.ok('load', '-i', path)).toBe(`Loaded image: ${tag}\n`)
}

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '')

describe('images', () => {
  it('sizes are those of the files', async () => {
    expect(lines(await cli.ok('images', '--format', '{{.Repository}} {{.Size}} {{.VirtualSize}}'))).toEqual([
      'app 1.23kB 1.234kB',
      'arm 1kB 1kB',
    ])
  })

  it('JSON lines have the keys of docker, by the alphabet', async () => {
    const [first = ''] = lines(await cli.ok('images', '--format', 'json'))
    expect(first).toContain(String.raw`"Digest":"\u003cnone\u003e"`)
    expect(Object.keys(JSON.parse(first) as object).join(' ')).toBe(
      'Containers CreatedAt CreatedSince Digest ID Platform Repository SharedSize Size Tag UniqueSize VirtualSize',
    )
    expect(JSON.parse(first)).toMatchObject({ Containers: '0', Tag: 'latest', SharedSize: 'N/A' })
    expect(await cli.ok('images', '--format', '{{json .}}')).toBe(await cli.ok('images', '--format', 'json'))
  })

  it.for([
    [['-f', 'label=team'], ['app']],
    [['-f', 'label=team=z'], []],
    [['-f', 'label=constructor'], []],
    [['-f', 'before=app'], ['arm']],
    [['-f', 'since=arm:1'], ['app']],
    [['-f', 'until=2026-01-15T00:00:00Z'], ['arm']],
    [['-f', 'reference=a*:1'], ['arm']],
    [['-f', 'dangling=true'], []],
    [['-a', 'app'], ['app']],
  ] as const)('%s', async ([args, want]) => {
    const { status, stdout, stderr } = await cli.run(['images', '--format', '{{.Repository}}', ...args])
    expect({ status, stderr, names: lines(stdout) }).toEqual({ status: 0, stderr: '', names: want })
  })

  it.for([
    [['-f', 'size=1'], 'USAGE', 'Cannot filter images by "size"'],
    [['-f', 'before=nope'], 'IMAGE_NOT_FOUND', 'No such image: nope:latest'],
    [['--tree', '-q'], 'USAGE', 'Cannot use --quiet together with --tree'],
  ] as const)('%s is refused', async ([args, code, message]) => {
    const error = await cli.fails(['images', ...args])
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
  })

  it('the tree shows an image under all its names', async () => {
    await cli.ok('tag', 'app', 'app:other')
    const tree = await cli.ok('images', '--tree')
    expect(tree).toMatch(/^IMAGE +ID +DISK USAGE +CONTENT SIZE +EXTRA$/m)
    expect(tree).toMatch(/^app:latest\napp:other +[0-9a-f]{12} +\S+kB +\S+kB$/m)
    await cli.ok('rmi', 'app:other')
  })
})

it('history has the times and sizes of docker', async () => {
  const format = '{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}'
  expect(lines(await cli.ok('history', '-H=false', '--format', format, 'app'))).toEqual([
    '|layer 1|234',
    '|layer 0|1000',
  ])
})

describe('image inspect', () => {
  it("has docker's members in its order", async () => {
    const [document] = JSON.parse(await cli.ok('image', 'inspect', 'app')) as [Record<string, object>]
    expect(Object.keys(document).join(' ')).toBe(
      'Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Architecture Os Size GraphDriver RootFS Metadata Descriptor Config',
    )
    expect(document['Size']).toBe(1234)
    expect(Object.keys(document['Config']!).join(' ')).toBe('Cmd Entrypoint Env Labels OnBuild User Volumes WorkingDir')
  })

  it('a template may ask for what is not set', async () => {
    const format = '{{.Config.StopSignal}}|{{if .Config.Healthcheck}}x{{end}}|{{len .Config.ExposedPorts}}|{{.Variant}}'
    expect(await cli.ok('image', 'inspect', '-f', format, 'app')).toBe('||0|\n')
  })
})

it('df -v says what images share, as tables and for programs', async () => {
  const tables = await cli.ok('system', 'df', '-v')
  expect(tables).toMatch(/^app +latest +[0-9a-f]{12} .* 1.23kB +1kB +234B +0$/m)
  expect(tables).toContain('Build cache usage: 0B\n\nCACHE ID')
  const document = JSON.parse(await cli.ok('system', 'df', '-v', '--format', 'json')) as Record<string, object[]>
  expect(Object.keys(document)).toEqual(['Images', 'Containers', 'Volumes', 'BuildCache'])
  expect(document['Images']).toMatchObject([{ Repository: 'app', UniqueSize: '234B' }, { Repository: 'arm' }])
  expect(await cli.ok('system', 'df', '-v', '--format', '{{range .Images}}{{.Repository}} {{end}}')).toBe('app arm \n')
})

it('rmi --platform removes what is for that platform, and nothing else', async () => {
  await load('one', [{ 'one.txt': 'x' }], '2026-03-01T00:00:00Z', {})
  const error = await cli.fails(['rmi', '--platform', 'linux/s390x', 'one'])
  expect(error).toMatchObject({ code: 'PLATFORM_NOT_FOUND' })
  const { status, stderr } = await cli.run(['rmi', '--platform', 'linux/amd64', 'one'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

it('rmi by an ID that has names in several repositories needs force', async () => {
  const before = await cli.inventory()
  await load('gone', [{ 'gone.txt': 'x' }], '2026-03-01T00:00:00Z', {})
  await cli.ok('tag', 'gone', 'elsewhere')
  const id = (await cli.ok('images', '-q', 'gone')).trim()
  const { code, message } = await cli.fails(['rmi', id])
  expect({ code, message }).toMatchObject({ code: 'IMAGE_IN_USE', message: expect.stringContaining(id) as string })
  const { status, stdout, stderr } = await cli.run(['rmi', '--no-prune', '-f', id])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(lines(stdout).toSorted().at(-1)).toMatch(/^Untagged: gone:latest$/)
  expect(await cli.inventory()).toEqual(before)
})

describe('an image whose config was changed on the disk', () => {
  async function damaged(name: string): Promise<string> {
    await load(name, [{ 'own.txt': name }], '2026-03-01T00:00:00Z', { Labels: { own: name } })
    // A list would remember what the config says.
    using store = new DatabaseSync(join(cli.root, 'meta.db'), { readOnly: true })
    const row = store.prepare('SELECT id FROM images ORDER BY created_at DESC LIMIT 1').get() as { readonly id: string }
    const { id } = row
    const path = join(cli.root, 'blobs/sha256', id.replace('sha256:', ''))
    chmodSync(path, 0o600)
    writeFileSync(path, '[]')
    return id
  }

  it('is in no other one’s way, and can be removed', async () => {
    const id = await damaged('hurt:1')
    expect(lines(await cli.ok('images', '--format', '{{.Repository}} {{.Platform}}'))).toEqual(
      expect.arrayContaining(['hurt <none>', 'app linux/amd64']),
    )
    await cli.ok('inspect', 'app')
    await cli.ok('system', 'df')
    await load('other:1', [{ 'other.txt': 'x' }], '2026-03-02T00:00:00Z', {})
    const other = await cli.run(['rmi', 'other:1'])
    expect(other.stdout).toContain('Untagged: other:1')
    expect(other.stderr).toContain('STORE_CORRUPT')
    expect(await cli.ok('rmi', 'hurt:1')).toBe(`Untagged: hurt:1\nDeleted: ${id}\n`)
    await load('hurt:1', [{ 'own.txt': 'hurt:1' }], '2026-03-01T00:00:00Z', { Labels: { own: 'hurt:1' } })
    expect(await cli.ok('images', '--filter', 'label=own', '-q', '--no-trunc')).toBe(`${id}\n`)
    await cli.ok('rmi', 'hurt:1')
  })
})
