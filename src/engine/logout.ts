import { eraseCredentials } from '../registry/credentials/credential-store.ts'
import type { Settings } from '../settings/settings.ts'
import { registryHost } from './login.ts'

export interface LogoutResult {
  readonly host: string
  /** False when there was no login. */
  readonly erased: boolean
}

/** Forgets a login. Errors: CREDENTIALS_*. */
export async function logout(
  settings: Settings,
  server: string,
  context: { readonly signal: AbortSignal },
): Promise<LogoutResult> {
  const host = registryHost(server)
  const { dockerConfigPath } = await settings.registries()
  return { host, erased: await eraseCredentials(dockerConfigPath, host, context.signal) }
}
