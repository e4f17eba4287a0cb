import { version } from '../base/version.ts'
import { formatPlatform } from '../oci/platform.ts'
import { createRegistryClient } from '../registry/client.ts'
import type { RegistryClient } from '../registry/client.ts'
import { cloudCredentials } from '../registry/credentials/cloud-credentials.ts'
import { createCredentialSource } from '../registry/credentials/credential-source.ts'
import type { CredentialSource } from '../registry/credentials/credential-source.ts'
import type { Settings } from '../settings/settings.ts'

/** The registry client of a user: settings, stored credentials, and what a cloud's environment gives for its own registries. */
export async function openRegistryClient(settings: Settings, credentials?: CredentialSource): Promise<RegistryClient> {
  const registries = await settings.registries()
  return createRegistryClient({
    registries,
    proxies: settings.proxies,
    limits: settings.limits,
    credentials: credentials ?? createCredentialSource(registries, cloudCredentials(settings.env)),
    userAgent: `tsbuild/${version} (${formatPlatform(settings.platform)})`,
  })
}
