import { TsbuildError } from '../base/errors.ts'
import { parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Digest } from '../oci/digest.ts'
import type { RegistryClient } from '../registry/client.ts'
import { deleteBlob, deleteManifest } from '../registry/delete.ts'
import { getManifest } from '../registry/fetch-manifest.ts'
import { removeReferrer } from '../registry/referrers.ts'

export interface RegistryDeleteRequest {
  readonly name: string
  /** The tag alone; the manifest stays. */
  readonly tagOnly: boolean
  /** NAME@DIGEST is a blob. */
  readonly blob: boolean
  readonly dryRun: boolean
}

/** Deletes a manifest with all its tags, a tag, or a blob. Errors: USAGE, REGISTRY_NOT_FOUND, REGISTRY_UNSUPPORTED, REGISTRY_*. */
export async function registryDelete(
  client: RegistryClient,
  request: RegistryDeleteRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<Digest> {
  const reference = withDefaultTag(parseReference(request.name))
  if (request.blob) {
    if (reference.digest === undefined)
      throw new TsbuildError('USAGE', `Cannot delete blob "${request.name}": expected NAME@DIGEST`)
    if (!request.dryRun) await deleteBlob(client, reference, reference.digest, { signal })
    return reference.digest
  }
  const { descriptor, document } = await getManifest(client, reference, { signal })
  if (request.dryRun) return descriptor.digest
  await deleteManifest(client, request.tagOnly ? reference : withDigest(reference, descriptor.digest), { signal })
  const subject = document.kind === 'index' ? document.index.subject : document.manifest.subject
  if (subject !== undefined && !request.tagOnly)
    await removeReferrer(client, reference, subject.digest, descriptor.digest, { signal })
  return descriptor.digest
}
