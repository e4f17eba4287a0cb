import { afterAll, beforeAll, expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli, standIns } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let registry: Registry
let cli: Cli

beforeAll(async () => {
  registry = await startRegistry({ seed: standIns })
  cli = openCli()
  cli.files('.', {
    'registries.conf': [
      `[aliases]\n"base" = "${registry.host}/library/debian"\n"gone/base" = "${registry.host}/nothing"`,
      `[[registry]]\nprefix = "old.example.com/team"\nlocation = "${registry.host}/library"\n`,
      '[[registry]]\nprefix = "*.blocked.example"\nblocked = true\n',
    ].join('\n'),
  })
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

it('a short name with an alias is pulled, found and built on under its full name', async () => {
  const full = `${registry.host}/library/debian:bookworm`
  const output = await cli.ok('pull', 'base:bookworm')
  expect(output).toContain(`Resolved "base:bookworm" as an alias for ${full}`)
  expect(await cli.ok('images', '--format', '{{.Repository}}:{{.Tag}}')).toBe(`${full}\n`)
  expect(await cli.ok('image', 'inspect', '--format', '{{json .RepoTags}}', 'base:bookworm')).toBe(`["${full}"]\n`)
  const context = cli.files('context', { Dockerfile: 'FROM base:bookworm\nLABEL a=b\n' })
  await cli.ok('build', '-t', 'built', context)
  await cli.ok('create', '--name', 'one', '--pull', 'never', 'base:bookworm', 'true')
})

it('an image of the store that has the very name wins, except for a pull', async () => {
  await cli.ok('tag', 'built', 'gone/base')
  const context = cli.files('context', { Dockerfile: 'FROM gone/base\n' })
  await cli.ok('build', context)
  expect(await cli.fails(['pull', 'gone/base'])).toMatchObject({ code: 'REGISTRY_NOT_FOUND' })
})

it('a name whose prefix is elsewhere is read there and keeps its name', async () => {
  await cli.ok('pull', 'old.example.com/team/debian:bookworm')
  expect(await cli.ok('images', '-q', 'old.example.com/team/debian')).not.toBe('')
})

it('what is blocked is not asked', async () => {
  const before = await cli.inventory()
  expect(await cli.fails(['pull', 'eu.blocked.example/x'])).toMatchObject({ code: 'REGISTRY_BLOCKED', status: 1 })
  expect(await cli.inventory()).toEqual(before)
})
