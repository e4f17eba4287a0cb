import { parseReference } from '../oci/reference.ts'
import type { RegistryClient } from './client.ts'

export interface RateLimit {
  /** Undefined where the registry tells none. */
  readonly limit: number | undefined
  readonly remaining: number | undefined
  /** Seconds over which the limit counts. */
  readonly window: number | undefined
  /** Whom it is counted for: an address or a user, as the registry says. */
  readonly source: string | undefined
}

/** Repository that Docker Hub offers for this question. */
export const rateLimitProbe = 'docker.io/ratelimitpreview/test:latest'

/** How many pulls are left, by the headers of a HEAD that does not count as a pull. Errors: REGISTRY_*. */
export async function readRateLimit(client: RegistryClient, name: string, signal: AbortSignal): Promise<RateLimit> {
  const reference = parseReference(name)
  const response = await client.send(reference, {
    method: 'HEAD',
    path: `/manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
    access: 'write',
    actions: ['pull'],
    action: `Cannot read the rate limit of ${reference.registry}`,
    expect: [200, 429],
    signal,
  })
  await response.discard()
  const { headers } = response
  return {
    limit: leadingNumber(headers['ratelimit-limit']),
    remaining: leadingNumber(headers['ratelimit-remaining']),
    window: leadingNumber(/;w=(\d+)/.exec(headers['ratelimit-limit'] ?? '')?.[1]),
    source: headers['docker-ratelimit-source'],
  }
}

/** `100;w=21600` is 100. */
function leadingNumber(text: string | undefined): number | undefined {
  const digits = /^\s*(\d{1,12})/.exec(text ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}
