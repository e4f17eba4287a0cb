import { version } from '../base/version.ts'
import type { NativeCore } from '../host/native.ts'
import { formatPlatform } from '../oci/platform.ts'
import { createRegistryClient } from '../registry/client.ts'
import type { RegistryClient } from '../registry/client.ts'
import { cloudCredentials } from '../registry/credentials/cloud-credentials.ts'
import { createCredentialSource } from '../registry/credentials/credential-source.ts'
import type { CredentialSource } from '../registry/credentials/credential-source.ts'
import type { Settings } from '../settings/settings.ts'
import { createSendFile } from './send-file.ts'

export interface RegistryClientParts {
  /** Default: what the user has stored. */
  readonly credentials?: CredentialSource
  /** Sends blobs of the store where it can. */
  readonly native?: NativeCore
}

/** The registry client of a user: settings, stored credentials, and what a cloud's environment gives for its own registries. */
export async function openRegistryClient(
  settings: Settings,
  { credentials, native }: RegistryClientParts = {},
): Promise<RegistryClient> {
  const registries = await settings.registries()
  return createRegistryClient({
    registries,
    proxies: settings.proxies,
    limits: settings.limits,
    credentials: credentials ?? createCredentialSource(registries, cloudCredentials(settings.env)),
    userAgent: `tsbuild/${version} (${formatPlatform(settings.platform)})`,
    ...(native === undefined ? {} : { sendFile: createSendFile(native) }),
  })
}
