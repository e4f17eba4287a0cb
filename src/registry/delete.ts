import type { Digest } from '../oci/digest.ts'
import { familiarReference, familiarRepository } from '../oci/reference.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import type { RegistryClient } from './client.ts'
import { RegistryError } from './registry-error.ts'

export interface DeleteOptions {
  readonly signal: AbortSignal
  readonly notify?: (note: string) => void
}

/**
 * Deletes a manifest by digest, with every tag of it, or a tag alone (distribution-spec "Deleting tags"; docker-registry 2 knows no
 * such thing and answers REGISTRY_UNSUPPORTED). Errors: REGISTRY_NOT_FOUND, REGISTRY_UNSUPPORTED, REGISTRY_*.
 */
export async function deleteManifest(
  client: RegistryClient,
  reference: Reference,
  options: DeleteOptions,
): Promise<void> {
  const action = `Cannot delete "${familiarReference(reference)}"`
  const response = await client
    .send(reference, {
      method: 'DELETE',
      path: `/manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
      access: 'write',
      // Quay gives no token at all when `delete` is asked for; where it is needed, the challenge says so.
      actions: ['pull', 'push'],
      action,
      expect: [200, 202, 204],
      ...options,
    })
    .catch((error: unknown) => {
      if (reference.digest !== undefined || !(error instanceof RegistryError) || error.status !== 400) throw error
      throw new RegistryError('REGISTRY_UNSUPPORTED', `${action}: the registry deletes by digest only`, error, {
        cause: error,
        hint: 'Deleting by digest removes every tag of the same content',
      })
    })
  await response.discard()
}

/** Deletes a blob. Errors as `deleteManifest`. */
export async function deleteBlob(
  client: RegistryClient,
  repository: Repository,
  digest: Digest,
  options: DeleteOptions,
): Promise<void> {
  const response = await client.send(repository, {
    method: 'DELETE',
    path: `/blobs/${digest}`,
    access: 'write',
    actions: ['pull', 'push'],
    action: `Cannot delete blob ${digest} of "${familiarRepository(repository)}"`,
    expect: [200, 202, 204],
    ...options,
  })
  await response.discard()
}
