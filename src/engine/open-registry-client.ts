import { version } from '../base/version.ts'
import { formatPlatform } from '../oci/platform.ts'
import { createRegistryClient } from '../registry/client.ts'
import type { RegistryClient } from '../registry/client.ts'
import { cloudCredentials } from '../registry/credentials/cloud-credentials.ts'
import { createCredentialSource } from '../registry/credentials/credential-source.ts'
import type { CredentialSource } from '../registry/credentials/credential-source.ts'
import type { Settings } from '../settings/settings.ts'

/** The registry client of a user: settings, stored credentials, and what a cloud's environment gives for its own registries. */
export function openRegistryClient(
  settings: Settings,
  credentials: CredentialSource = createCredentialSource(settings.registries, cloudCredentials(settings.env)),
): RegistryClient {
  return createRegistryClient({
    registries: settings.registries,
    proxies: settings.proxies,
    limits: settings.limits,
    credentials,
    userAgent: `tsbuild/${version} (${formatPlatform(settings.platform)})`,
  })
}
