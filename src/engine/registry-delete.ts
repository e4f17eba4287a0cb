import { parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Digest } from '../oci/digest.ts'
import type { RegistryClient } from '../registry/client.ts'
import { deleteManifest } from '../registry/delete.ts'
import { getManifest } from '../registry/fetch-manifest.ts'
import { removeReferrer } from '../registry/referrers.ts'

export interface RegistryDeleteRequest {
  readonly name: string
  /** The tag alone; the manifest stays. */
  readonly tagOnly: boolean
  readonly dryRun: boolean
}

/** Deletes a manifest with all its tags, or a tag. Errors: REGISTRY_NOT_FOUND, REGISTRY_UNSUPPORTED, REGISTRY_*. */
export async function registryDelete(
  client: RegistryClient,
  request: RegistryDeleteRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<Digest> {
  const reference = withDefaultTag(parseReference(request.name))
  const { descriptor, document } = await getManifest(client, reference, { signal })
  if (request.dryRun) return descriptor.digest
  await deleteManifest(client, request.tagOnly ? reference : withDigest(reference, descriptor.digest), { signal })
  const subject = document.kind === 'index' ? document.index.subject : document.manifest.subject
  if (subject !== undefined && !request.tagOnly)
    await removeReferrer(client, reference, subject.digest, descriptor.digest, { signal })
  return descriptor.digest
}
