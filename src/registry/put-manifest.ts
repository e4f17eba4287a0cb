import { TsbuildError } from '../base/errors.ts'
import { digestAlgorithm } from '../oci/digest.ts'
import { familiarReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { RegistryClient } from './client.ts'
import { headManifest } from './fetch-manifest.ts'
import { bytesBody } from './transport/body.ts'

export interface PutManifestOptions {
  readonly signal: AbortSignal
  readonly notify?: (note: string) => void
  /** Start of error messages; default `Cannot push "NAME"`. */
  readonly action?: string
}

export interface PutManifestResult {
  /** `exists`: the name already pointed to this very manifest, nothing was sent. */
  readonly kind: 'exists' | 'pushed'
  /** The registry entered the manifest into its subject's referrers (header OCI-Subject). */
  readonly indexedSubject: boolean
}

/**
 * Puts a manifest under its tag or digest. A tag that already has it is left alone: immutable tags refuse even the same digest (ECR).
 * Errors: REGISTRY_*; REGISTRY_IMMUTABLE for a tag that may not be moved.
 */
export async function putManifest(
  client: RegistryClient,
  reference: Reference,
  manifest: { readonly descriptor: Descriptor; readonly bytes: Uint8Array },
  options: PutManifestOptions,
): Promise<PutManifestResult> {
  const { descriptor, bytes } = manifest
  const action = options.action ?? `Cannot push "${familiarReference(reference)}"`
  const current = await currentDescriptor(client, reference, { ...options, action })
  if (current?.digest === descriptor.digest) return { kind: 'exists', indexedSubject: true }
  const name = reference.tag ?? descriptor.digest
  const response = await client.send(reference, {
    method: 'PUT',
    path: `/manifests/${name}`,
    // A sha512 manifest is stored by a registry only under the digest that it is told (distribution-spec 1.2 `digest` parameter).
    ...(reference.tag !== undefined && digestAlgorithm(descriptor.digest) === 'sha512'
      ? { query: { digest: descriptor.digest } }
      : {}),
    headers: { 'content-type': descriptor.mediaType },
    body: bytesBody(bytes),
    access: 'write',
    actions: ['pull', 'push'],
    action,
    expect: [200, 201, 202, 204],
    signal: options.signal,
    ...(options.notify === undefined ? {} : { notify: options.notify }),
  })
  await response.discard()
  const stated = response.headers['docker-content-digest']
  if (
    stated !== undefined &&
    stated.split(':')[0] === digestAlgorithm(descriptor.digest) &&
    stated !== descriptor.digest
  ) {
    throw new TsbuildError(
      'REGISTRY_PROTOCOL',
      `${action}: the registry stored the manifest under ${stated}, its digest is ${descriptor.digest}`,
    )
  }
  return { kind: 'pushed', indexedSubject: response.headers['oci-subject'] !== undefined }
}

/** What the name points to; a registry that will not tell is taken to have nothing. */
async function currentDescriptor(
  client: RegistryClient,
  reference: Reference,
  options: PutManifestOptions & { readonly action: string },
): Promise<Descriptor | undefined> {
  try {
    return await headManifest(client, reference, { ...options, writing: true })
  } catch (error) {
    const codes = [
      'REGISTRY_NOT_FOUND',
      'REGISTRY_DENIED',
      'REGISTRY_UNSUPPORTED',
      'REGISTRY_REFUSED',
      'REGISTRY_UNAUTHORIZED',
    ]
    if (error instanceof TsbuildError && (codes.includes(error.code) || error.code.startsWith('MANIFEST_')))
      return undefined
    throw error
  }
}
