import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { cloudCredentials } from '../../src/registry/credentials/cloud-credentials.ts'
import { choose, reply, startScriptedServer } from '../helpers/registry-script.ts'
import type { Reply, ScriptedServer } from '../helpers/registry-script.ts'

/** Everything of AWS that a credential can come from, on one scripted server: nothing leaves this machine. */
let aws: ScriptedServer
let folder: string
let saved: Readonly<Record<string, string | undefined>>

const later = '2099-01-01T00:00:00Z'
const json = { 'content-type': 'application/json' }
const xml = { 'content-type': 'text/xml' }

beforeEach(async () => {
  aws = await startScriptedServer()
  folder = mkdtempSync(join(tmpdir(), 'tsbuild-ecr-'))
  saved = { ...process.env }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  Object.assign(process.env, {
    HOME: folder,
    AWS_CONFIG_FILE: join(folder, '.aws/config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, '.aws/credentials'),
    AWS_ENDPOINT_URL: aws.origin,
    AWS_EC2_METADATA_DISABLED: 'true',
  })
  const token = Buffer.from('AWS:long-password').toString('base64')
  const ecr = reply(
    200,
    { 'content-type': 'application/x-amz-json-1.1' },
    { authorizationData: [{ authorizationToken: token }] },
  )
  aws.on(
    'POST',
    '/',
    choose((request) => (request.headers['x-amz-target'] === undefined ? assumeRole : ecr)),
  )
})
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (!(name in saved)) delete process.env[name]
  Object.assign(process.env, saved)
  rmSync(folder, { recursive: true, force: true })
  await aws[Symbol.asyncDispose]()
})

const assumeRole: Reply = reply(
  200,
  xml,
  `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
   <Credentials><AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>secret-key</SecretAccessKey><SessionToken>session</SessionToken>
   <Expiration>${later}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
)

function file(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const sources: readonly (readonly [string, string, () => Readonly<Record<string, string>>])[] = [
  ['keys', 'AKIDKEYS', () => ({ AWS_ACCESS_KEY_ID: 'AKIDKEYS', AWS_SECRET_ACCESS_KEY: 'secret-key' })],
  [
    'a profile',
    'AKIDPROFILE',
    () => {
      file('.aws/credentials', '[ci]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret-key\n')
      return { AWS_PROFILE: 'ci' }
    },
  ],
  [
    'the program of a profile',
    'AKIDPROCESS',
    () => {
      const answer = { Version: 1, AccessKeyId: 'AKIDPROCESS', SecretAccessKey: 'secret-key', Expiration: later }
      const program = file('program', `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`)
      chmodSync(program, 0o755)
      file('.aws/config', `[default]\ncredential_process = ${program}\n`)
      return {}
    },
  ],
  [
    'SSO, with the token of an earlier login',
    'AKIDSSO',
    () => {
      const session = '[sso-session work]\nsso_start_url = https://work.example.com\nsso_region = eu-west-1\n'
      const profile = '[profile dev]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = push\n'
      file('.aws/config', session + profile)
      const cached = {
        accessToken: 'sso-token',
        expiresAt: later,
        startUrl: 'https://work.example.com',
        region: 'eu-west-1',
      }
      file(`.aws/sso/cache/${createHash('sha1').update('work').digest('hex')}.json`, JSON.stringify(cached))
      const role = {
        accessKeyId: 'AKIDSSO',
        secretAccessKey: 'secret-key',
        sessionToken: 's',
        expiration: Date.parse(later),
      }
      aws.on('GET', '/federation/credentials', reply(200, json, { roleCredentials: role }))
      return { AWS_PROFILE: 'dev' }
    },
  ],
  [
    'a web identity, as CI gives it',
    'AKIDROLE',
    () => ({
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/ci',
      AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'identity-token'),
    }),
  ],
  [
    'the role of a container',
    'AKIDTASK',
    () => {
      const role = { AccessKeyId: 'AKIDTASK', SecretAccessKey: 'secret-key', Token: 't', Expiration: later }
      aws.on('GET', '/task', reply(200, json, role))
      return { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.origin}/task` }
    },
  ],
  [
    'the role of an instance',
    'AKIDINSTANCE',
    () => {
      const role = {
        Code: 'Success',
        AccessKeyId: 'AKIDINSTANCE',
        SecretAccessKey: 'secret-key',
        Token: 't',
        Expiration: later,
      }
      aws.on('PUT', '/latest/api/token', reply(200, {}, 'metadata-token'))
      aws.on('GET', '/latest/meta-data/iam/security-credentials/', reply(200, {}, 'builder'))
      aws.on('GET', '/latest/meta-data/iam/security-credentials/builder', reply(200, json, role))
      return { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.origin }
    },
  ],
]

it.for(sources)('the token comes by %s', async ([, key, prepare]) => {
  Object.assign(process.env, prepare())
  const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com'
  const found = cloudCredentials((name) => process.env[name])(host)
  expect(await found?.get(AbortSignal.timeout(150_000))).toEqual({
    kind: 'basic',
    username: 'AWS',
    password: 'long-password',
  })
  const asked = aws.requests.find(({ headers }) => headers['x-amz-target'] !== undefined)
  expect(asked?.headers.authorization).toContain(`Credential=${key}/`)
  expect(asked?.headers.authorization).toContain('/eu-west-1/ecr/aws4_request')
})

it.for<[string, Reply]>([
  [
    'no permission',
    reply(
      400,
      { 'x-amzn-errortype': 'AccessDeniedException' },
      { message: 'not authorized to perform: ecr:GetAuthorizationToken' },
    ),
  ],
  ['no token', reply(200, { 'content-type': 'application/x-amz-json-1.1' }, { authorizationData: [] })],
])('an answer with %s is told, without a secret', async ([, answer]) => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDKEYS', AWS_SECRET_ACCESS_KEY: 'secret-key' })
  aws.on('POST', '/', answer)
  const found = cloudCredentials((name) => process.env[name])('123456789012.dkr.ecr.eu-west-1.amazonaws.com')
  const outcome: unknown = await found?.get(AbortSignal.timeout(150_000)).catch((error: unknown) => error)
  expect(outcome).toMatchObject({
    message: expect.stringMatching(/^Cannot log in to 123456789012\.dkr\.ecr/) as string,
  })
  expect(JSON.stringify(outcome)).not.toContain('secret-key')
})
