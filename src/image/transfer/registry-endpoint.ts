import { hasCode } from '../../base/errors.ts'
import { familiarReference, formatRepository, withDigest } from '../../oci/reference.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Digest } from '../../oci/digest.ts'
import { remoteBlob } from '../../registry/blob-sources.ts'
import type { RegistryClient } from '../../registry/client.ts'
import { getManifest, headManifest } from '../../registry/fetch-manifest.ts'
import { putManifest } from '../../registry/put-manifest.ts'
import { addReferrer, listReferrers } from '../../registry/referrers.ts'
import { blobExists, uploadBlob } from '../../registry/upload-blob.ts'
import type { ContentSink, ContentSource, RawManifest } from './endpoint.ts'
import { referrerDescriptor } from './referrer-descriptor.ts'

export interface RegistryEndpointOptions {
  readonly signal: AbortSignal
  readonly notify: (note: string) => void
}

/** A repository to read from. */
export function registrySource(
  client: RegistryClient,
  reference: Reference,
  options: RegistryEndpointOptions,
): ContentSource {
  const name = familiarReference(reference)
  const action = `Cannot copy "${name}"`
  const get = async (wanted: Reference): Promise<RawManifest> => {
    const { descriptor, bytes } = await getManifest(client, wanted, { ...options, action })
    return { descriptor, bytes }
  }
  return {
    name,
    repository: formatRepository(reference),
    resolve: () => get(reference),
    manifest: (digest) => get(withDigest(reference, digest)),
    blob: async (descriptor) => remoteBlob(client, reference, descriptor, { ...options, action }),
    referrers: (digest) => listReferrers(client, reference, digest, options),
  }
}

/** A repository to write to, `reference` being the name of the top manifest. */
export function registrySink(
  client: RegistryClient,
  reference: Reference,
  options: RegistryEndpointOptions,
): ContentSink {
  const name = familiarReference(reference)
  const action = `Cannot copy to "${name}"`
  return {
    name,
    async putBlob(blob, _, from) {
      const own = formatRepository(reference)
      const [host = ''] = own.split('/', 1)
      const near = from.repository?.startsWith(`${host}/`) === true && from.repository !== own
      const result = await uploadBlob(client, reference, blob, {
        ...options,
        action,
        mountFrom: near ? [from.repository.slice(host.length + 1)] : [],
      })
      return result.kind === 'pushed' ? 'copied' : result.kind
    },
    hasBlob: ({ digest }) => blobExists(client, reference, digest, { ...options, action }),
    async putManifest(manifest, top) {
      const target = top ? reference : withDigest(reference, manifest.descriptor.digest)
      const { indexedSubject } = await putManifest(client, target, manifest, { ...options, action })
      if (indexedSubject) return
      const entry = referrerDescriptor(manifest)
      if (entry !== undefined) await addReferrer(client, reference, entry.subject, entry.descriptor, options)
    },
    hasManifest: (digest) => manifestExists(client, reference, digest, options),
    async finish() {
      // Everything is in its place as soon as it is put.
    },
  }
}

async function manifestExists(
  client: RegistryClient,
  reference: Reference,
  digest: Digest,
  options: RegistryEndpointOptions,
): Promise<boolean> {
  try {
    return (await headManifest(client, withDigest(reference, digest), { ...options, writing: true })) !== undefined
  } catch (error) {
    // Who may not look may still be allowed to push.
    if (
      hasCode(
        error,
        'REGISTRY_NOT_FOUND',
        'REGISTRY_DENIED',
        'REGISTRY_UNAUTHORIZED',
        'REGISTRY_UNSUPPORTED',
        'REGISTRY_REFUSED',
      )
    )
      return false
    throw error
  }
}
