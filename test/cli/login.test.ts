import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let first: Registry
let second: Registry
let cli: Cli
const config = (): { readonly auths: Record<string, { readonly auth: string }>; readonly detachKeys?: string } =>
  JSON.parse(readFileSync(join(cli.folder, 'docker/config.json'), 'utf8')) as never

beforeAll(async () => {
  first = await startRegistry({ auth: 'basic', tls: true })
  second = await startRegistry({ auth: 'token' })
  cli = openCli()
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
})

const stdin = (registry: Registry): readonly string[] => [
  'login',
  registry.host,
  '-u',
  registry.user,
  '--password-stdin',
]

it('a wrong password is told and not kept', async () => {
  for (const registry of [first, second]) {
    const error = await cli.fails(stdin(registry), { stdin: 'wrong-word\n' })
    expect(error).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED', status: 1 })
    expect(JSON.stringify(error)).not.toContain('wrong-word')
  }
  expect(() => config()).toThrow('ENOENT')
})

it('logins at once are all kept, beside what else the file says, for the owner alone', async () => {
  cli.files('docker', { 'config.json': '{"detachKeys": "ctrl-q", "auths": {"other.example.com": {"auth": "bTpw"}}}' })
  const results = await Promise.all(
    [first, second, first, second].map((registry) => cli.run(stdin(registry), { stdin: `${registry.password}\n` })),
  )
  for (const { status, stdout, stderr } of results) {
    expect(status).toBe(0)
    expect(stdout).toContain('Login Succeeded')
    expect(stderr).toContain('stored unencrypted')
  }
  expect(Object.keys(config().auths).sort()).toEqual([first.host, 'other.example.com', second.host].sort())
  expect(config().detachKeys).toBe('ctrl-q')
  expect(statSync(join(cli.folder, 'docker/config.json')).mode & 0o777).toBe(0o600)
  expect(await cli.ok('login', first.host)).toContain('Authenticated with the stored credentials')
})

it('what is kept is used, and a logout takes it away', async () => {
  expect(await cli.fails(['registry', 'ls', `${first.host}/none`])).toMatchObject({ code: 'REGISTRY_NOT_FOUND' })
  expect(await cli.ok('logout', first.host)).toContain(`Removing login credentials for ${first.host}`)
  expect(config().auths).not.toHaveProperty([first.host])
  expect(await cli.fails(['registry', 'ls', `${first.host}/none`])).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' })
})
