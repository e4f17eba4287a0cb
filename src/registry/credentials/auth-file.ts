import { TsbuildError, hasCode, hasErrno } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'
import { noCredentials } from '../auth/credentials.ts'
import type { Credentials } from '../auth/credentials.ts'

/** One member of `auths` in docker's config.json or containers' auth.json. */
export interface AuthEntry {
  readonly auth?: string
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
}

/** What the client uses of such a file; all other members are kept as they are when it is written. */
export interface AuthFile {
  readonly path: string
  readonly auths: Readonly<Record<string, AuthEntry>>
  readonly credHelpers: Readonly<Record<string, string>>
  readonly credsStore: string | undefined
  readonly whole: Readonly<Record<string, unknown>>
}

/** Reads docker's config.json or containers-auth.json(5); a file that is not there is an empty one. Error: CREDENTIALS_INVALID. */
export async function readAuthFile(path: string, signal: AbortSignal): Promise<AuthFile> {
  const bytes = await readUserFile(path, signal).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return Buffer.from('{}')
    if (hasCode(error, 'CANCELLED')) throw error
    throw new TsbuildError('CREDENTIALS_INVALID', `Cannot read credentials from "${path}"`, { cause: error })
  })
  const whole = parse(bytes.toString(), path)
  return {
    path,
    whole,
    auths: mapOf(whole, 'auths', path, (value) => (isObject(value) ? entryOf(value) : undefined)),
    credHelpers: mapOf(whole, 'credHelpers', path, (value) =>
      typeof value === 'string' && value !== '' ? value : undefined,
    ),
    credsStore: typeof whole['credsStore'] === 'string' && whole['credsStore'] !== '' ? whole['credsStore'] : undefined,
  }
}

/** The credentials of an entry; `none` for an empty one, as docker leaves it for hosts whose secret is in a helper. */
export function credentialsOf(entry: AuthEntry, path: string): Credentials {
  if (entry.identitytoken !== undefined && entry.identitytoken !== '')
    return { kind: 'identity', token: entry.identitytoken }
  if (entry.registrytoken !== undefined && entry.registrytoken !== '')
    return { kind: 'bearer', token: entry.registrytoken }
  if (entry.auth !== undefined && entry.auth !== '') {
    const plain = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '')
    const colon = plain.indexOf(':')
    if (colon < 1)
      throw new TsbuildError(
        'CREDENTIALS_INVALID',
        `Cannot read credentials from "${path}": an "auth" is not base64 of user:password`,
      )
    return { kind: 'basic', username: plain.slice(0, colon), password: plain.slice(colon + 1) }
  }
  if (entry.username === undefined || entry.username === '') return noCredentials
  return { kind: 'basic', username: entry.username, password: entry.password ?? '' }
}

function parse(text: string, path: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text.trim() === '' ? '{}' : text)
  } catch {
    // The parser's message quotes the text, which holds secrets.
    throw new TsbuildError('CREDENTIALS_INVALID', `Cannot read credentials from "${path}": it is not JSON`)
  }
  if (!isObject(value))
    throw new TsbuildError('CREDENTIALS_INVALID', `Cannot read credentials from "${path}": it is not an object`)
  return value
}

function mapOf<T>(
  whole: Readonly<Record<string, unknown>>,
  name: string,
  path: string,
  read: (value: unknown) => T | undefined,
): Readonly<Record<string, T>> {
  const value = whole[name] ?? {}
  if (!isObject(value))
    throw new TsbuildError('CREDENTIALS_INVALID', `Cannot read credentials from "${path}": "${name}" is not an object`)
  const entries = Object.entries(value).map(([key, item]) => {
    const one = read(item)
    if (one === undefined)
      throw new TsbuildError(
        'CREDENTIALS_INVALID',
        `Cannot read credentials from "${path}": "${name}" has a malformed entry "${key}"`,
      )
    return [key, one] as const
  })
  return Object.fromEntries(entries)
}

function entryOf(value: Readonly<Record<string, unknown>>): AuthEntry {
  const names = ['auth', 'username', 'password', 'identitytoken', 'registrytoken'] as const
  return Object.fromEntries(names.flatMap((name) => (typeof value[name] === 'string' ? [[name, value[name]]] : [])))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
