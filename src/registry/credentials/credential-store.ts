import { lstat, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectories } from '../../base/make-directories.ts'
import { writeFileAtomic } from '../../base/atomic-file.ts'
import { hasErrno } from '../../base/errors.ts'
import type { Credentials } from '../auth/credentials.ts'
import { readAuthFile } from './auth-file.ts'
import type { AuthEntry, AuthFile } from './auth-file.ts'
import { lockFile } from './file-lock.ts'
import { helperFor, hostOfKey, serverOf } from './credential-source.ts'
import { createHelper } from './helper.ts'

export type Stored =
  | { readonly kind: 'helper'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }

/**
 * Keeps a login where the configuration wants it: by its helper, else in the file, in clear. All other members of the file stay;
 * it is only readable by its owner. Errors: CREDENTIALS_HELPER, CREDENTIALS_INVALID.
 */
export async function storeCredentials(
  path: string,
  host: string,
  credentials: Extract<Credentials, { kind: 'basic' | 'identity' }>,
  signal: AbortSignal,
): Promise<Stored> {
  makeDirectories(dirname(path), 0o700)
  using lock = await lockFile(path, signal)
  void lock
  const file = await readAuthFile(path, signal)
  const server = serverOf(host)
  const helper = helperFor(file, host)
  if (helper !== undefined) {
    const [user, secret] =
      credentials.kind === 'basic' ? [credentials.username, credentials.password] : ['<token>', credentials.token]
    await createHelper(helper).store(server, user, secret, signal)
    // docker keeps an empty entry, so that `auths` lists the servers that have a login.
    await writeAuths(file, { ...withoutHost(file, host), [server]: {} })
    return { kind: 'helper', name: helper }
  }
  await writeAuths(file, { ...withoutHost(file, host), [server]: entryOf(credentials) })
  return { kind: 'file', path }
}

/** Forgets the login of a host. False when there was none. Errors as `storeCredentials`. */
export async function eraseCredentials(path: string, host: string, signal: AbortSignal): Promise<boolean> {
  const before = await readAuthFile(path, signal)
  if (helperFor(before, host) === undefined && !Object.keys(before.auths).some((key) => hostOfKey(key) === host))
    return false
  using lock = await lockFile(path, signal)
  void lock
  const file = await readAuthFile(path, signal)
  const left = withoutHost(file, host)
  const had = Object.keys(left).length < Object.keys(file.auths).length
  const helper = helperFor(file, host)
  if (helper !== undefined) await createHelper(helper).erase(serverOf(host), signal)
  if (had) await writeAuths(file, left)
  return had
}

function withoutHost(file: AuthFile, host: string): Readonly<Record<string, AuthEntry>> {
  return Object.fromEntries(Object.entries(rawAuths(file)).filter(([key]) => hostOfKey(key) !== host))
}

/** Entries as they stand in the file, unknown members included. */
function rawAuths(file: AuthFile): Readonly<Record<string, AuthEntry>> {
  return (file.whole['auths'] ?? {}) as Readonly<Record<string, AuthEntry>>
}

function entryOf(credentials: Extract<Credentials, { kind: 'basic' | 'identity' }>): AuthEntry {
  if (credentials.kind === 'identity') return { identitytoken: credentials.token }
  return { auth: Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64') }
}

async function writeAuths(file: AuthFile, auths: Readonly<Record<string, AuthEntry>>): Promise<void> {
  // A configuration that is a link into a repository of dot files stays one.
  const path = await realpath(file.path).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT')) return file.path
    throw error
  })
  const present = await lstat(path).catch(() => undefined)
  if (present === undefined && Object.keys(auths).length === 0) return
  await writeFileAtomic(path, `${JSON.stringify({ ...file.whole, auths }, undefined, '\t')}\n`, { mode: 0o600 })
}
