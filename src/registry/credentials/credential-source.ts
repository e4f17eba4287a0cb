import { defaultRegistry } from '../../oci/reference.ts'
import type { RegistrySettings } from '../../settings/settings.ts'
import { noCredentials } from '../auth/credentials.ts'
import type { Credentials } from '../auth/credentials.ts'
import { credentialsOf, readAuthFile } from './auth-file.ts'
import type { AuthFile } from './auth-file.ts'
import { createHelper } from './helper.ts'

/** Docker Hub's credentials are kept under the address of its first API. */
export const hubServer = 'https://index.docker.io/v1/'

/** Credentials as found, not yet fetched: a helper is only started when a registry asks. */
export interface FoundCredentials {
  /** Equal keys mean equal credentials. */
  readonly key: string
  get(signal: AbortSignal): Promise<Credentials>
}

export interface CredentialSource {
  /** Never undefined: a host without credentials gives `none`. Errors: CREDENTIALS_INVALID, and CREDENTIALS_HELPER from `get`. */
  find(host: string, repository: string, signal: AbortSignal): Promise<FoundCredentials>
}

/** Credentials that the environment of a cloud gives for its own registry; undefined for a host that is not its. */
export type CloudCredentials = (host: string) => FoundCredentials | undefined

/**
 * Looks in containers' auth file, then in docker's config.json: per host its helper (`credHelpers`), the entry in `auths` (in
 * auth files also of a namespace, the longest first), then the common helper (`credsStore`); last in the cloud's environment.
 */
export function createCredentialSource(
  settings: Pick<RegistrySettings, 'dockerConfigPath' | 'authFile'>,
  cloud: CloudCredentials = () => undefined,
): CredentialSource {
  const paths = [...new Set([settings.authFile, settings.dockerConfigPath])].filter((path) => path !== undefined)
  let files: Promise<readonly AuthFile[]> | undefined

  return {
    async find(host, repository, signal) {
      files ??= Promise.all(paths.map((path) => readAuthFile(path, signal)))
      for (const file of await files) {
        const found = findIn(file, host, repository)
        if (found !== undefined) return found
      }
      return cloud(host) ?? { key: '', get: async () => noCredentials }
    },
  }
}

function findIn(file: AuthFile, host: string, repository: string): FoundCredentials | undefined {
  const helper = helperFor(file, host)
  if (helper !== undefined) return fromHelper(helper, host, file, repository)
  const key = entryKey(file, host, repository)
  if (key === undefined) return undefined
  const credentials = credentialsOf(file.auths[key] ?? {}, file.path)
  return credentials.kind === 'none' ? undefined : { key: `${file.path} ${key}`, get: async () => credentials }
}

/** A common helper that knows nothing of the host leaves the entry in the file, if any, to count. */
function fromHelper(name: string, host: string, file: AuthFile, repository: string): FoundCredentials {
  return {
    key: `helper ${name} ${host}`,
    async get(signal) {
      const found = await createHelper(name).get(serverOf(host), signal)
      if (found.kind !== 'none') return found
      const key = entryKey(file, host, repository)
      return key === undefined ? noCredentials : credentialsOf(file.auths[key] ?? {}, file.path)
    },
  }
}

export function helperFor(file: AuthFile, host: string): string | undefined {
  const own = Object.entries(file.credHelpers).find(([key]) => hostOfKey(key) === host)
  return own?.[1] ?? file.credsStore
}

/** The name under which a host's credentials are kept in files and helpers. */
export function serverOf(host: string): string {
  return host === defaultRegistry ? hubServer : host
}

function entryKey(file: AuthFile, host: string, repository: string): string | undefined {
  const parts = repository.split('/')
  for (let length = parts.length; length > 0; length -= 1) {
    const key = `${host}/${parts.slice(0, length).join('/')}`
    if (Object.hasOwn(file.auths, key)) return key
  }
  if (Object.hasOwn(file.auths, serverOf(host))) return serverOf(host)
  return Object.keys(file.auths).find((key) => hostOfKey(key) === host)
}

/** docker's ConvertToHostname: keys may carry a scheme and a path such as `https://host/v1/`. */
export function hostOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '')
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? defaultRegistry : host
}
