import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSettings } from '../../src/settings/read-settings.ts'
import type { SettingsSources } from '../../src/settings/read-settings.ts'
import type { RegistrySettings, Settings } from '../../src/settings/settings.ts'

let place: string
beforeEach(() => void (place = mkdtempSync(join(tmpdir(), 'tsbuild-settings-'))))
afterEach(() => rmSync(place, { recursive: true }))

function read(env: Readonly<Record<string, string>> = {}, more: Partial<SettingsSources> = {}): Promise<Settings> {
  return readSettings({
    env: (name) => env[name],
    cwd: '/here',
    uid: 0,
    home: join(place, 'home'),
    etc: join(place, 'etc'),
    ...more,
  })
}

async function readRegistries(...sources: Parameters<typeof read>): Promise<RegistrySettings> {
  return (await read(...sources)).registries()
}

function file(name: string, content: string): string {
  const path = join(place, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

describe('roots', () => {
  it("are the machine's for root", async () => {
    expect(await read()).toMatchObject({ root: '/var/lib/tsbuild', runRoot: '/run/tsbuild', rootless: false })
  })

  it('follow the flag, then the variable, then the file', async () => {
    file('etc/tsbuild/config.json', '{"root": "/from-file"}')
    expect((await read()).root).toBe('/from-file')
    expect((await read({ TSBUILD_ROOT: 'relative' })).root).toBe('/here/relative')
    expect((await read({ TSBUILD_ROOT: '/variable' }, { root: '/flag' })).root).toBe('/flag')
  })

  it('two stores never share their volatile state', async () => {
    const [a, b] = await Promise.all([read({}, { root: '/a' }), read({}, { root: '/b' })])
    expect(a.runRoot).not.toBe(b.runRoot)
    expect(a.runRoot).toMatch(/^\/run\/tsbuild\/at-[0-9a-f]{8}$/)
    expect((await read({ TSBUILD_RUN_ROOT: '/r' }, { root: '/a' })).runRoot).toBe('/r')
  })

  it('pass by a runtime directory that is not there, as after "su"', async () => {
    const env = { XDG_RUNTIME_DIR: '/run/user/none' }
    expect((await read(env, { uid: 54_399 })).runRoot).toBe('/tmp/tsbuild-54399/tsbuild')
  })

  it("are the user's own otherwise", async () => {
    const env = { XDG_DATA_HOME: '/data', XDG_RUNTIME_DIR: '/run' }
    expect(await read(env, { uid: 7 })).toMatchObject({
      root: '/data/tsbuild',
      runRoot: '/run/tsbuild',
      rootless: true,
    })
    expect((await read({}, { uid: 7 })).root).toBe(join(place, 'home/.local/share/tsbuild'))
  })

  it('are frozen', async () => {
    expect(Object.isFrozen(await read())).toBe(true)
  })
})

describe('mirrors and registries', () => {
  it('a variable names mirrors of Docker Hub or of a host', async () => {
    const registries = await readRegistries({
      TSBUILD_REGISTRY_MIRRORS: 'http://127.0.0.1:5000, ghcr.io=https://mirror.example/ghcr/',
    })
    expect(registries.rules).toEqual({
      'docker.io': { mirrors: [{ location: '127.0.0.1:5000', insecure: true, pull: 'all' }] },
      'ghcr.io': { mirrors: [{ location: 'mirror.example/ghcr', insecure: false, pull: 'all' }] },
    })
  })

  it("docker's daemon.json counts", async () => {
    file(
      'etc/docker/daemon.json',
      '{"registry-mirrors": ["https://hub.example"], "insecure-registries": ["10.0.0.0/8"], "data-root": "/x"}',
    )
    const registries = await readRegistries()
    expect(registries.rules['docker.io']).toEqual({
      mirrors: [{ location: 'hub.example', insecure: false, pull: 'all' }],
    })
    expect(registries.insecure).toEqual(['127.0.0.0/8', '::1/128', 'localhost', '10.0.0.0/8'])
  })

  it('registries.conf counts: mirrors, other locations, blocks, aliases, drop-ins', async () => {
    file(
      'etc/containers/registries.conf',
      `[[registry]]
prefix = "example.com/old"
location = "example.com/new"
[[registry]]
location = "docker.io"
mirror-by-digest-only = true
[[registry.mirror]]
location = "hub.example:5000"
insecure = true
[aliases]
"node" = "docker.io/library/node"
`,
    )
    file(
      'etc/containers/registries.conf.d/50-block.conf',
      '[[registry]]\nlocation = "evil.example"\nblocked = true\ninsecure = true\n',
    )
    const registries = await readRegistries()
    expect(registries).toMatchObject({
      rules: {
        'example.com/old': { location: 'example.com/new', mirrors: [] },
        'docker.io': { mirrors: [{ location: 'hub.example:5000', insecure: true, pull: 'digest-only' }] },
        'evil.example': { blocked: true, insecure: true },
      },
      shortNames: { node: 'docker.io/library/node' },
    })
  })

  it('a drop-in replaces the table of a prefix and takes an alias back; other sources add to it', async () => {
    file(
      'etc/containers/registries.conf',
      '[[registry]]\nlocation = "a.example"\nblocked = true\n[aliases]\nx = "a.example/x"\ny = "a.example/y"\n',
    )
    file(
      'etc/containers/registries.conf.d/10.conf',
      '[[registry]]\nlocation = "a.example"\ninsecure = true\n[aliases]\nx = ""\n',
    )
    file('etc/tsbuild/config.json', '{"registries": {"a.example": {"mirrors": ["m"]}}}')
    const registries = await readRegistries()
    expect(registries.rules['a.example']).toEqual({
      blocked: false,
      insecure: true,
      mirrors: [{ location: 'm', insecure: false, pull: 'all' }],
    })
    expect(registries.shortNames).toEqual({ y: 'a.example/y' })
  })

  it("the variable wins over tsbuild's file, that over registries.conf, that over daemon.json", async () => {
    const hub = async (env = {}): Promise<string | undefined> =>
      (await readRegistries(env)).rules['docker.io']?.mirrors?.[0]?.location
    file('etc/docker/daemon.json', '{"registry-mirrors": ["https://daemon"]}')
    expect(await hub()).toBe('daemon')
    file('etc/containers/registries.conf', '[[registry]]\nlocation="docker.io"\n[[registry.mirror]]\nlocation="conf"\n')
    expect(await hub()).toBe('conf')
    file('home/.config/tsbuild/config.json', '{"registry-mirrors": ["own"]}')
    expect(await hub()).toBe('own')
    expect(await hub({ TSBUILD_REGISTRY_MIRRORS: 'variable' })).toBe('variable')
  })

  it('logins and certificates are where docker and podman keep them', async () => {
    const registries = await readRegistries({ DOCKER_CONFIG: '/dc' })
    expect(registries.dockerConfigPath).toBe('/dc/config.json')
    expect((await readRegistries({ DOCKER_CONFIG: '/dc' }, { config: 'flag' })).dockerConfigPath).toBe(
      '/here/flag/config.json',
    )
    expect(registries.authFile).toBeUndefined()
    file('home/.config/containers/auth.json', '{}')
    expect((await readRegistries()).authFile).toBe(join(place, 'home/.config/containers/auth.json'))
    expect(registries.certDirs).toContain(join(place, 'etc/docker/certs.d'))
  })
})

describe('limits and proxies', () => {
  it('have defaults, and variables that win over the file', async () => {
    expect((await read()).limits).toEqual({ jobs: 4, perHost: 6, transfers: 12 })
    file('etc/tsbuild/config.json', '{"jobs": 2, "keep-storage": 1000}')
    expect(await read()).toMatchObject({ limits: { jobs: 2 }, keepStorage: 1000 })
    expect((await read({ TSBUILD_JOBS: '8' })).limits.jobs).toBe(8)
  })

  it('the lower-case variable of a proxy wins', async () => {
    const { proxies } = await read({
      http_proxy: 'http://a',
      HTTP_PROXY: 'http://b',
      ALL_PROXY: 'http://c',
      NO_PROXY: 'x',
    })
    expect(proxies).toEqual({ http: 'http://a', https: 'http://c', no: 'x' })
  })
})

describe('mistakes name the file and the key', () => {
  it.for([
    [
      'etc/tsbuild/config.json',
      '{"registry-mirror": []}',
      'unknown key "registry-mirror"',
      'Did you mean "registry-mirrors"?',
    ],
    ['etc/tsbuild/config.json', '{"jobs": 0}', '"jobs" must be a whole number from 1', ''],
    ['etc/tsbuild/config.json', '[]', 'the file must be an object', ''],
    [
      'etc/tsbuild/config.json',
      '{"registries": {"a.io": {"mirrors": "x"}}}',
      '"registries."a.io".mirrors" must be a list of texts',
      '',
    ],
    ['etc/tsbuild/config.json', '{', 'JSON', ''],
    ['etc/docker/daemon.json', '{"registry-mirrors": "x"}', '"registry-mirrors" must be a list of texts', ''],
    ['etc/containers/registries.conf', '[[registry', 'TOML', ''],
    ['etc/containers/registries.conf', '[registries.search]\nregistries = []\n', 'the form of version 1', ''],
    ['etc/containers/registries.conf', '[[registry]]\nblocked = true\n', 'neither "prefix" nor "location"', ''],
  ] as const)('%s: %s', async ([name, content, message, hint]) => {
    const path = file(name, content)
    await expect(readRegistries()).rejects.toMatchObject({
      code: 'SETTINGS_INVALID',
      message: expect.stringContaining(`"${path}"`) as string,
    })
    await expect(readRegistries()).rejects.toThrow(message)
    if (hint !== '')
      await expect(readRegistries()).rejects.toMatchObject({ hint: expect.stringContaining(hint) as string })
  })

  it.for([
    [{ TSBUILD_JOBS: 'many' }, 'Variable TSBUILD_JOBS has the value "many": want a whole number from 1'],
    [
      { TSBUILD_REGISTRY_MIRRORS: 'ftp://x' },
      'Variable TSBUILD_REGISTRY_MIRRORS has the mirror "ftp://x": want [http[s]://]host[:port][/prefix]',
    ],
    [{ TSBUILD_CONFIG: '/none.json' }, 'Cannot read "/none.json", which TSBUILD_CONFIG names: there is no such file'],
  ] as const)('%j', async ([env, message]) => {
    await expect(readRegistries(env)).rejects.toMatchObject({ code: 'SETTINGS_INVALID', message })
  })
})
