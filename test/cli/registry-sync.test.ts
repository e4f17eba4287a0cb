import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sha256 } from '../../src/oci/digest.ts'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { tarImage, tarOf } from '../helpers/tar-image.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let registry: Registry
let cli: Cli
let digest: string

/** team/app under four tags, team/tool under one. */
beforeAll(async () => {
  registry = await startRegistry()
  cli = openCli()
  const image = await tarImage()
  digest = image.digest
  const entry = { mediaType: image.manifest.mediaType, digest, size: image.bytes.byteLength }
  const path = join(cli.folder, 'image.tar')
  const blobs = [image.bytes, image.config, ...image.layers].map((blob) => [
    `blobs/sha256/${sha256(blob).slice(7)}`,
    blob,
  ])
  const index = JSON.stringify({ schemaVersion: 2, manifests: [entry] })
  writeFileSync(path, await tarOf({ ...(Object.fromEntries(blobs) as Record<string, Buffer>), 'index.json': index }))
  for (const name of ['app:1.2', 'app:1.10', 'app:2.0', 'app:edge', 'tool:1'])
    await cli.ok('registry', 'copy', '-q', `oci-archive:${path}`, `${registry.host}/team/${name}`)
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const file = (name: string, text: string): string => join(cli.files('sync', { [name]: text }), name)
const tags = async (repository: string): Promise<readonly string[]> =>
  (await cli.ok('registry', 'ls', '--format', '{{.Tag}}', `${registry.host}/${repository}`))
    .trim()
    .split('\n')
    .toSorted()

it("skopeo's form copies what it says, below one place", async () => {
  const path = file(
    'skopeo.yaml',
    `
${registry.host}:
  tls-verify: false
  images:
    team/tool: []
    team/app: [edge, "${digest}"]
  images-by-semver:
    team/app: ">= 1.3, < 2"
`,
  )
  const to = `${registry.host}/mirror`
  const dry = await cli.run(['registry', 'sync', '--dry-run', '--to', to, path])
  expect(dry.stdout.match(/would write/g)).toHaveLength(4)
  expect(dry.stderr).toContain('"tls-verify" of')
  expect(await cli.ok('registry', 'catalog', registry.host)).not.toContain('mirror')
  await cli.ok('registry', 'sync', '-q', '--to', to, path)
  expect(await tags('mirror/app')).toEqual(['1.10', 'edge'])
  expect(await tags('mirror/tool')).toEqual(['1'])
  await cli.ok('registry', 'sync', '-q', '--scoped', '--to', to, path)
  expect(await tags(`mirror/${registry.host.replace(':', '_')}/team/tool`)).toEqual(['1'])
})

it('a list of tables works as TOML and as YAML', async () => {
  const source = `${registry.host}/team/app`
  const toml = `[[sync]]\nsource = "${source}"\ntarget = "${registry.host}/toml/app"\ntags = ["edge", "/^1\\\\./"]\n`
  await cli.ok('registry', 'sync', '-q', file('work.toml', toml))
  expect(await tags('toml/app')).toEqual(['1.10', '1.2', 'edge'])
  const yaml = `sync:\n  - source: ${source}:2.0\n    target: ${registry.host}/yaml/app:two\n`
  await cli.ok('registry', 'sync', '-q', file('work.yml', yaml))
  expect(await tags('yaml/app')).toEqual(['two'])
})

it('goes on with the others where that is asked for', async () => {
  const [good, bad] = ['team/tool:1', 'team/none:1'].map((name) => `${registry.host}/${name}`)
  const entries = [bad, good].map((source, at) => ({ source, target: `${registry.host}/kept/x:${at}` }))
  const path = file('work.json', JSON.stringify({ sync: entries }))
  expect((await cli.fails(['registry', 'sync', path])).code).toBe('REGISTRY_NOT_FOUND')
  const { status, stderr } = await cli.run(['registry', 'sync', '--keep-going', path])
  expect({ status, named: stderr.includes('team/none') }).toEqual({ status: 1, named: true })
  expect(await tags('kept/x')).toEqual(['1'])
})

it.for([
  ['a.yaml', 'x: [', [], 'SETTINGS_INVALID'],
  ['a.yaml', '&a [*a, *a]', ['--to', 'r.example.com'], 'SETTINGS_INVALID'],
  ['a.yaml', 'r.example.com:\n  images:\n    x: [1.1]\n', ['--to', 'r.example.com'], 'SETTINGS_INVALID'],
  ['a.yaml', 'r.example.com:\n  images:\n    x: []\n', [], 'USAGE'],
  ['a.yaml', 'r.example.com:\n  images-by-tag-regex:\n    x: "["\n', ['--to', 'r.example.com'], 'SETTINGS_INVALID'],
  ['a.toml', 'sync = 1', [], 'SETTINGS_INVALID'],
  ['a.json', '{', [], 'SETTINGS_INVALID'],
] as const)('%s with %j is refused', async ([name, text, flags, code]) => {
  expect(await cli.fails(['registry', 'sync', ...flags, file(name, text)])).toMatchObject({ code })
})
