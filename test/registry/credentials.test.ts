import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Credentials } from '../../src/registry/auth/credentials.ts'
import { cloudCredentials } from '../../src/registry/credentials/cloud-credentials.ts'
import { createCredentialSource, hostOfKey } from '../../src/registry/credentials/credential-source.ts'
import { eraseCredentials, storeCredentials } from '../../src/registry/credentials/credential-store.ts'
import { ecrCredentials } from '../../src/registry/credentials/ecr.ts'
import { reply, startScriptedServer } from '../helpers/registry-script.ts'

let folder: string
const { signal } = new AbortController()
const savedPath = process.env['PATH']

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsbuild-credentials-'))
  const bin = join(folder, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'docker-credential-fake'), fakeHelper)
  await chmod(join(bin, 'docker-credential-fake'), 0o755)
  process.env['PATH'] = `${bin}${delimiter}${savedPath ?? ''}`
})
afterAll(async () => {
  process.env['PATH'] = savedPath
  await rm(folder, { recursive: true, force: true })
})

/** A helper of docker's protocol that keeps what it stores in files beside it. */
const fakeHelper = `#!/bin/sh
store="$(dirname "$0")/store"
mkdir -p "$store"
case "$1" in
get)
  read -r server
  case "$server" in
  broken.example.com) echo "the keychain is locked"; exit 1;;
  garbage.example.com) echo "not json"; exit 0;;
  token.example.com) echo '{"ServerURL":"x","Username":"<token>","Secret":"refresh"}'; exit 0;;
  esac
  file="$store/$(echo "$server" | tr '/:' '__')"
  if [ -f "$file" ]; then cat "$file"; else echo "credentials not found in native keychain"; exit 1; fi;;
store)
  input=$(cat)
  server=$(echo "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/')
  echo "$input" > "$store/$(echo "$server" | tr '/:' '__')";;
erase)
  read -r server
  rm -f "$store/$(echo "$server" | tr '/:' '__')";;
esac
`

const encode = (text: string): string => Buffer.from(text).toString('base64')

async function lookUp(
  config: object | string,
  host: string,
  repository = 'a/b',
  authFile?: object,
): Promise<Credentials> {
  const path = join(folder, 'config.json')
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config))
  const authPath = authFile === undefined ? undefined : join(folder, 'auth.json')
  if (authPath !== undefined) await writeFile(authPath, JSON.stringify(authFile))
  const source = createCredentialSource({ dockerConfigPath: path, authFile: authPath })
  return (await source.find(host, repository, signal)).get(signal)
}

const me = (password: string): Credentials => ({ kind: 'basic', username: 'me', password })

describe('look-up', () => {
  it.for<[string, object, string, Credentials]>([
    ['auth', { auths: { 'a.example.com': { auth: encode('me:pw') } } }, 'a.example.com', me('pw')],
    ['a colon in the password', { auths: { 'a.example.com': { auth: encode('me:p:w') } } }, 'a.example.com', me('p:w')],
    ['a zero byte at the end', { auths: { 'a.example.com': { auth: encode('me:pw\0') } } }, 'a.example.com', me('pw')],
    [
      'user and password',
      { auths: { 'a.example.com': { username: 'me', password: 'pw' } } },
      'a.example.com',
      me('pw'),
    ],
    [
      'identity token',
      { auths: { 'a.example.com': { auth: encode('me:'), identitytoken: 'idt' } } },
      'a.example.com',
      { kind: 'identity', token: 'idt' },
    ],
    [
      'registry token',
      { auths: { 'a.example.com': { registrytoken: 'rt' } } },
      'a.example.com',
      { kind: 'bearer', token: 'rt' },
    ],
    ['Docker Hub', { auths: { 'https://index.docker.io/v1/': { auth: encode('me:pw') } } }, 'docker.io', me('pw')],
    ['Docker Hub by name', { auths: { 'docker.io': { auth: encode('me:pw') } } }, 'docker.io', me('pw')],
    ['a key with scheme', { auths: { 'https://a.example.com': { auth: encode('me:pw') } } }, 'a.example.com', me('pw')],
    [
      'a key with scheme and version',
      { auths: { 'https://a.example.com/v2/': { auth: encode('me:pw') } } },
      'a.example.com',
      me('pw'),
    ],
    ['another host', { auths: { 'a.example.com': { auth: encode('me:pw') } } }, 'b.example.com', { kind: 'none' }],
    ['another port', { auths: { 'a.example.com:5000': { auth: encode('me:pw') } } }, 'a.example.com', { kind: 'none' }],
    ['an empty entry', { auths: { 'a.example.com': {} } }, 'a.example.com', { kind: 'none' }],
    ['no file content', {}, 'a.example.com', { kind: 'none' }],
    [
      'helper of the host',
      { credHelpers: { 'token.example.com': 'fake' } },
      'token.example.com',
      { kind: 'identity', token: 'refresh' },
    ],
    ['common helper', { credsStore: 'fake' }, 'token.example.com', { kind: 'identity', token: 'refresh' }],
    ['helper knows nothing', { credsStore: 'fake' }, 'none.example.com', { kind: 'none' }],
    [
      'helper knows nothing, the file does',
      { credsStore: 'fake', auths: { 'none.example.com': { auth: encode('me:pw') } } },
      'none.example.com',
      me('pw'),
    ],
    ['helper of another host', { credHelpers: { 'token.example.com': 'fake' } }, 'a.example.com', { kind: 'none' }],
  ])('%s', async ([, config, host, want]) => {
    expect(await lookUp(config, host)).toEqual(want)
  })

  it("containers' auth file counts first, by namespace", async () => {
    const authFile = {
      auths: {
        'quay.io': { auth: encode('me:host') },
        'quay.io/team': { auth: encode('me:team') },
        'quay.io/team/app': { auth: encode('me:app') },
      },
    }
    const config = { auths: { 'quay.io': { auth: encode('me:docker') }, 'ghcr.io': { auth: encode('me:gh') } } }
    expect(await lookUp(config, 'quay.io', 'team/app', authFile)).toEqual(me('app'))
    expect(await lookUp(config, 'quay.io', 'team/app/x', authFile)).toEqual(me('app'))
    expect(await lookUp(config, 'quay.io', 'team/other', authFile)).toEqual(me('team'))
    expect(await lookUp(config, 'quay.io', 'teams/other', authFile)).toEqual(me('host'))
    expect(await lookUp(config, 'ghcr.io', 'x', authFile)).toEqual(me('gh'))
  })

  it.for<[string, object | string, string, string]>([
    ['no JSON', '{"auths": {"x": {"auth": "c2VjcmV0LXdvcmQ6"', 'a.example.com', 'CREDENTIALS_INVALID'],
    ['a list', '[]', 'a.example.com', 'CREDENTIALS_INVALID'],
    ['auths is a list', { auths: [] }, 'a.example.com', 'CREDENTIALS_INVALID'],
    [
      'auth is no pair',
      { auths: { 'a.example.com': { auth: encode('secret-word') } } },
      'a.example.com',
      'CREDENTIALS_INVALID',
    ],
    ['helper is missing', { credsStore: 'no-such-helper' }, 'a.example.com', 'CREDENTIALS_HELPER'],
    ['helper is a path', { credsStore: '../evil' }, 'a.example.com', 'CREDENTIALS_INVALID'],
    ['helper fails', { credsStore: 'fake' }, 'broken.example.com', 'CREDENTIALS_HELPER'],
    ['helper answers nonsense', { credsStore: 'fake' }, 'garbage.example.com', 'CREDENTIALS_HELPER'],
  ])('%s', async ([, config, host, code]) => {
    const error: unknown = await lookUp(config, host).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code })
    expect((error as Error).message).not.toMatch(/secret-word|c2Vjcm/)
  })

  it('a file that is not there has no credentials', async () => {
    const source = createCredentialSource({ dockerConfigPath: join(folder, 'none/config.json'), authFile: undefined })
    expect(await (await source.find('a.example.com', 'b', signal)).get(signal)).toEqual({ kind: 'none' })
  })

  it.for([
    ['https://index.docker.io/v1/', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['http://a.example.com:5000/v2/', 'a.example.com:5000'],
    ['a.example.com/team', 'a.example.com/team'],
  ] as const)('key %s is %s', ([key, host]) => {
    expect(hostOfKey(key)).toBe(host)
  })
})

describe('login and logout', () => {
  const login = { kind: 'basic', username: 'me', password: 'pw' } as const

  it('keeps other members of the file, mode 0600, and makes the folder', async () => {
    const path = join(folder, 'new/deep/config.json')
    expect(await storeCredentials(path, 'a.example.com', login, signal)).toEqual({ kind: 'file', path })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await writeFile(
      path,
      JSON.stringify({ psFormat: 'x', auths: { 'b.example.com': { auth: 'Yjpj', email: 'kept' } } }),
    )
    await storeCredentials(path, 'a.example.com', login, signal)
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      psFormat: 'x',
      auths: { 'b.example.com': { auth: 'Yjpj', email: 'kept' }, 'a.example.com': { auth: encode('me:pw') } },
    })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('Docker Hub is kept under its old address, once', async () => {
    const path = join(folder, 'hub.json')
    await writeFile(path, JSON.stringify({ auths: { 'docker.io': { auth: encode('old:old') } } }))
    await storeCredentials(path, 'docker.io', login, signal)
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      auths: { 'https://index.docker.io/v1/': { auth: encode('me:pw') } },
    })
  })

  it('a link to the file stays a link', async () => {
    await writeFile(join(folder, 'real.json'), '{}')
    await symlink(join(folder, 'real.json'), join(folder, 'link.json'))
    await storeCredentials(join(folder, 'link.json'), 'a.example.com', login, signal)
    expect(JSON.parse(await readFile(join(folder, 'real.json'), 'utf8'))).toHaveProperty('auths')
  })

  it('a helper keeps the secret; the file only names the host', async () => {
    const path = join(folder, 'helper.json')
    await writeFile(path, JSON.stringify({ credsStore: 'fake' }))
    expect(await storeCredentials(path, 'kept.example.com', login, signal)).toEqual({ kind: 'helper', name: 'fake' })
    const text = await readFile(path, 'utf8')
    expect(JSON.parse(text)).toEqual({ credsStore: 'fake', auths: { 'kept.example.com': {} } })
    const source = createCredentialSource({ dockerConfigPath: path, authFile: undefined })
    expect(await (await source.find('kept.example.com', 'x', signal)).get(signal)).toEqual(me('pw'))
    expect(await eraseCredentials(path, 'kept.example.com', signal)).toBe(true)
    const after = createCredentialSource({ dockerConfigPath: path, authFile: undefined })
    expect(await (await after.find('kept.example.com', 'x', signal)).get(signal)).toEqual({ kind: 'none' })
  })

  it('logout of what was never there changes nothing', async () => {
    const path = join(folder, 'untouched.json')
    await writeFile(path, '{"auths": {"b.example.com": {"auth": "Yjpj"}}}')
    expect(await eraseCredentials(path, 'a.example.com', signal)).toBe(false)
    expect(await readFile(path, 'utf8')).toBe('{"auths": {"b.example.com": {"auth": "Yjpj"}}}')
    expect(await eraseCredentials(join(folder, 'no-such.json'), 'a.example.com', signal)).toBe(false)
  })

  it('logins at once wait for each other; a lock that a killed process left is taken over', async () => {
    const path = join(folder, 'parallel', 'config.json')
    await mkdir(join(folder, 'parallel'))
    await writeFile(`${path}.tsbuild-lock`, '')
    await utimes(`${path}.tsbuild-lock`, 0, 0)
    const hosts = Array.from({ length: 20 }, (_, at) => `host-${at}.example.com`)
    await Promise.all(
      hosts.map((host) => storeCredentials(path, host, { kind: 'basic', username: 'me', password: 'p' }, signal)),
    )
    const { auths } = JSON.parse(await readFile(path, 'utf8')) as { readonly auths: object }
    expect(Object.keys(auths).sort()).toEqual(hosts.sort())
    expect(await readdir(join(folder, 'parallel'))).toEqual(['config.json'])
  })

  it('a file that cannot be parsed is not overwritten', async () => {
    const path = join(folder, 'broken.json')
    await writeFile(path, '{ broken')
    await expect(storeCredentials(path, 'a.example.com', login, signal)).rejects.toMatchObject({
      code: 'CREDENTIALS_INVALID',
    })
    expect(await readFile(path, 'utf8')).toBe('{ broken')
  })
})

describe('clouds', () => {
  const found = async (host: string, env: Readonly<Record<string, string>>): Promise<Credentials | undefined> =>
    cloudCredentials((name) => env[name])(host)?.get(signal)

  it('Google: token, service account, nothing', async () => {
    expect(await found('europe-docker.pkg.dev', { GOOGLE_OAUTH_ACCESS_TOKEN: 'ya29' })).toEqual({
      kind: 'basic',
      username: 'oauth2accesstoken',
      password: 'ya29',
    })
    const path = join(folder, 'sa.json')
    await writeFile(path, '{"type": "service_account", "private_key": "x"}')
    expect(await found('gcr.io', { GOOGLE_APPLICATION_CREDENTIALS: path })).toMatchObject({ username: '_json_key' })
    await writeFile(path, '{"type": "authorized_user"}')
    expect(await found('eu.gcr.io', { GOOGLE_APPLICATION_CREDENTIALS: path })).toEqual({ kind: 'none' })
    expect(await found('gcr.io', {})).toEqual({ kind: 'none' })
    expect(await found('notgcr.io', { GOOGLE_OAUTH_ACCESS_TOKEN: 'x' })).toBeUndefined()
  })

  it('Azure: a service principal', async () => {
    expect(await found('team.azurecr.io', { AZURE_CLIENT_ID: 'id', AZURE_CLIENT_SECRET: 's' })).toEqual({
      kind: 'basic',
      username: 'id',
      password: 's',
    })
    expect(await found('team.azurecr.io', {})).toEqual({ kind: 'none' })
  })

  it('public.ecr.aws is not asked about without AWS', () => {
    expect(cloudCredentials(() => undefined)('public.ecr.aws')).toBeUndefined()
  })

  it('ECR: the AWS environment gives the password', async () => {
    await using api = await startScriptedServer()
    api.on(
      'POST',
      '/',
      reply(
        200,
        { 'content-type': 'application/x-amz-json-1.1' },
        {
          authorizationData: [
            { authorizationToken: encode('AWS:long-password'), expiresAt: 1_800_000_000, proxyEndpoint: 'https://x' },
          ],
        },
      ),
    )
    await withVariables(
      {
        AWS_ACCESS_KEY_ID: 'AKIATEST',
        AWS_SECRET_ACCESS_KEY: 'secret-key',
        AWS_ENDPOINT_URL: api.origin,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
      async () => {
        const credentials = await ecrCredentials('123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'eu-west-1', signal)
        expect(credentials).toEqual({ kind: 'basic', username: 'AWS', password: 'long-password' })
      },
    )
    expect(api.requests[0]?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/eu-west-1\/ecr\/aws4_request/,
    )
    expect(api.requests[0]?.headers['x-amz-target']).toContain('GetAuthorizationToken')
  })

  it('ECR without AWS credentials says what to do', async () => {
    await withVariables(
      {
        AWS_EC2_METADATA_DISABLED: 'true',
        HOME: folder,
        AWS_CONFIG_FILE: join(folder, 'none'),
        AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
      },
      async () => {
        await expect(
          ecrCredentials('123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'eu-west-1', signal),
        ).rejects.toMatchObject({
          code: 'REGISTRY_UNAUTHORIZED',
          hint: expect.stringContaining('AWS_PROFILE') as string,
        })
      },
    )
  })
})

async function withVariables(variables: Readonly<Record<string, string>>, run: () => Promise<void>): Promise<void> {
  const saved = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]))
  Object.assign(process.env, variables)
  try {
    await run()
  } finally {
    for (const [name, value] of Object.entries(saved)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
