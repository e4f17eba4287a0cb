import { defaultRegistry } from '../oci/reference.ts'
import { checkLogin } from '../registry/login.ts'
import { createCredentialSource, hostOfKey } from '../registry/credentials/credential-source.ts'
import { storeCredentials } from '../registry/credentials/credential-store.ts'
import type { Stored } from '../registry/credentials/credential-store.ts'
import type { Settings } from '../settings/settings.ts'
import { openRegistryClient } from './open-registry-client.ts'

export interface LoginRequest {
  /** Host; Docker Hub when empty. A scheme and a path are taken off. */
  readonly server: string
  readonly username: string
  readonly password: string
}

export interface LoginResult {
  readonly host: string
  readonly stored: Stored
}

/** Verifies a login and keeps it. Needs no store. Errors: REGISTRY_UNAUTHORIZED, REGISTRY_*, CREDENTIALS_*. */
export async function login(
  settings: Settings,
  request: LoginRequest,
  context: { readonly signal: AbortSignal },
): Promise<LoginResult> {
  const host = registryHost(request.server)
  const credentials = { kind: 'basic', username: request.username, password: request.password } as const
  const source = { find: async () => ({ key: 'login', get: async () => credentials }) }
  await using client = await openRegistryClient(settings, { credentials: source })
  await checkLogin(client, host, context.signal)
  const { dockerConfigPath } = await settings.registries()
  return { host, stored: await storeCredentials(dockerConfigPath, host, credentials, context.signal) }
}

/** True when stored credentials for the host exist and are taken. Errors: REGISTRY_* other than a refusal. */
export async function checkStoredLogin(
  settings: Settings,
  server: string,
  context: { readonly signal: AbortSignal },
): Promise<boolean> {
  const host = registryHost(server)
  const stored = createCredentialSource(await settings.registries())
  const found = await (await stored.find(host, '', context.signal)).get(context.signal)
  if (found.kind === 'none') return false
  await using client = await openRegistryClient(settings)
  await checkLogin(client, host, context.signal)
  return true
}

/** The registry that a server argument means. */
export function registryHost(server: string): string {
  return server === '' ? defaultRegistry : hostOfKey(server.replace(/\/+$/, ''))
}
