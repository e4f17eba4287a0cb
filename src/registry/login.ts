import { hasCode } from '../base/errors.ts'
import type { RegistryClient } from './client.ts'
import { RegistryError } from './registry-error.ts'

/**
 * Asks a registry whether it takes the credentials that `client` was made with: `GET /v2/` (distribution-spec "Determining support").
 * A registry that lets everybody in there cannot tell. Errors: REGISTRY_UNAUTHORIZED, REGISTRY_*.
 */
export async function checkLogin(client: RegistryClient, host: string, signal: AbortSignal): Promise<void> {
  const action = `Cannot log in to ${host}`
  try {
    const response = await client.sendToHost(host, { method: 'GET', path: '', action, expect: [200], signal })
    await response.discard()
  } catch (error) {
    if (!(error instanceof RegistryError) || !hasCode(error, 'REGISTRY_DENIED', 'REGISTRY_UNAUTHORIZED')) throw error
    throw new RegistryError('REGISTRY_UNAUTHORIZED', `${action}: user name or password is wrong`, error, {
      cause: error,
      hint: 'Many registries want an access token in place of the password',
    })
  }
}
