import { createHash } from 'node:crypto'
import { TsbuildError } from '../base/errors.ts'
import { digestAlgorithm, isDigest, parseDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import { maxManifestSize, parseManifest } from '../oci/manifest.ts'
import type { ManifestDocument } from '../oci/manifest.ts'
import { isSchema1Type, manifestAccept } from '../oci/media-types.ts'
import { familiarReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { RegistryClient, RegistryRequest, RegistryResponse } from './client.ts'
import { readDocument } from './read-document.ts'

export interface ManifestOptions {
  readonly signal: AbortSignal
  readonly notify?: (note: string) => void
  /** Start of error messages; default `Cannot read "NAME"`. */
  readonly action?: string
  /** The answer decides over a push: asks the registry itself, with the rights of the push. */
  readonly writing?: boolean
}

/** A manifest or index as the registry holds it, byte for byte. */
export interface RemoteManifest {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
  readonly document: ManifestDocument
}

/** Types that the tag schema and old registries use; all may be asked for. */
const accept = { accept: manifestAccept }

/**
 * Asks for the descriptor alone: Docker Hub does not count HEAD as a pull. `undefined` when there is no such manifest.
 * A registry whose HEAD tells no digest is asked by GET. Errors: REGISTRY_*.
 */
export async function headManifest(
  client: RegistryClient,
  reference: Reference,
  options: ManifestOptions,
): Promise<Descriptor | undefined> {
  const response = await client.send(reference, {
    ...request(reference, options),
    method: 'HEAD',
    expect: [200, 401, 403, 404, 405],
  })
  await response.discard()
  if (response.status === 404) return undefined
  const digest = response.headers['docker-content-digest']
  const size = Number(response.headers['content-length'])
  // A refusal of HEAD has no body to explain it (Docker Hub, GHCR); some proxies do not know HEAD at all.
  if (response.status !== 200 || digest === undefined || !isDigest(digest) || !Number.isSafeInteger(size)) {
    return (await getManifest(client, reference, options)).descriptor
  }
  return { mediaType: contentType(response) ?? '', digest, size }
}

/**
 * Reads a manifest or index and verifies it: by the digest that is asked for, else by the one that the registry states. Wrong content
 * is asked for once more, from the registry itself. Errors: DIGEST_MISMATCH, MANIFEST_INVALID, MANIFEST_UNSUPPORTED, REGISTRY_*.
 */
export async function getManifest(
  client: RegistryClient,
  reference: Reference,
  options: ManifestOptions,
): Promise<RemoteManifest> {
  const first = await fetchOnce(client, reference, options, false)
  const { response, bytes, wanted, actual } =
    first.wanted === undefined || first.wanted === first.actual
      ? first
      : await fetchOnce(client, reference, options, true)
  if (wanted !== undefined && wanted !== actual) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `${actionOf(reference, options)}: the manifest from ${response.place.host} has the digest ${actual}, not ${wanted}`,
    )
  }
  const type = contentType(response)
  const document = parseManifest(bytes, type, `the manifest ${actual} of "${familiarReference(reference)}"`)
  const mediaType = document.kind === 'index' ? document.index.mediaType : document.manifest.mediaType
  return { bytes, document, descriptor: { mediaType, digest: actual, size: bytes.byteLength } }
}

/** Manifest bytes as they are, whatever their type: for commands that show or copy without looking inside. */
export async function getRawManifest(
  client: RegistryClient,
  reference: Reference,
  options: ManifestOptions,
): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest }> {
  const { response, bytes, wanted, actual } = await fetchOnce(client, reference, options, false)
  if (wanted !== undefined && wanted !== actual && !isSchema1Type(contentType(response) ?? '')) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `${actionOf(reference, options)}: it has the digest ${actual}, not ${wanted}`,
    )
  }
  return { bytes, mediaType: contentType(response) ?? '', digest: actual }
}

interface Fetched {
  readonly response: RegistryResponse
  readonly bytes: Uint8Array
  readonly wanted: Digest | undefined
  readonly actual: Digest
}

async function fetchOnce(
  client: RegistryClient,
  reference: Reference,
  options: ManifestOptions,
  direct: boolean,
): Promise<Fetched> {
  const { response, bytes } = await readDocument(
    client,
    (again) =>
      client.send(reference, { ...request(reference, options), method: 'GET', expect: [200], direct: direct || again }),
    {
      limit: maxManifestSize,
      what: `the manifest of "${familiarReference(reference)}"`,
      signal: options.signal,
      notify: options.notify,
    },
  )
  const stated = response.headers['docker-content-digest']
  const wanted = reference.digest ?? (stated !== undefined && isDigest(stated) ? stated : undefined)
  const algorithm = wanted === undefined ? 'sha256' : digestAlgorithm(wanted)
  const actual = parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`)
  return { response, bytes, wanted, actual }
}

function request(reference: Reference, options: ManifestOptions): Omit<RegistryRequest, 'method' | 'expect'> {
  return {
    path: `/manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
    headers: accept,
    access: options.writing === true ? 'write' : reference.digest === undefined ? 'read-tag' : 'read-digest',
    actions: options.writing === true ? ['pull', 'push'] : ['pull'],
    action: actionOf(reference, options),
    signal: options.signal,
    ...(options.notify === undefined ? {} : { notify: options.notify }),
  }
}

function actionOf(reference: Reference, options: ManifestOptions): string {
  return options.action ?? `Cannot read "${familiarReference(reference)}"`
}

function contentType(response: RegistryResponse): string | undefined {
  return response.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
}
