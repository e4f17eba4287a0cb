import { TsbuildError } from '../base/errors.ts'
import { maxConfigSize } from '../oci/image-config.ts'
import { parseDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform, selectPlatform } from '../oci/platform.ts'
import { familiarReference, parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor, Platform } from '../oci/types.ts'
import type { RegistryClient } from '../registry/client.ts'
import { readBlob, streamBlob } from '../registry/fetch-blob.ts'
import { getManifest, getRawManifest, headManifest } from '../registry/fetch-manifest.ts'

export interface RegistryReadRequest {
  readonly name: string
  /** Goes through an index to the manifest of this platform. */
  readonly platform?: Platform
}

interface Context {
  readonly signal: AbortSignal
}

/** The digest that a name points to, by HEAD: not a pull for Docker Hub. Errors: REGISTRY_*, PLATFORM_NOT_FOUND. */
export async function registryDigest(
  client: RegistryClient,
  request: RegistryReadRequest,
  { signal }: Context,
): Promise<Digest> {
  const reference = withDefaultTag(parseReference(request.name))
  if (request.platform !== undefined)
    return (await platformManifest(client, reference, request.platform, signal)).digest
  const found = await headManifest(client, reference, { signal })
  return found?.digest ?? (await getManifest(client, reference, { signal })).descriptor.digest
}

/** A manifest as the registry holds it. */
export async function registryManifest(
  client: RegistryClient,
  request: RegistryReadRequest,
  { signal }: Context,
): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest }> {
  const reference = withDefaultTag(parseReference(request.name))
  const wanted =
    request.platform === undefined
      ? reference
      : withDigest(reference, (await platformManifest(client, reference, request.platform, signal)).digest)
  return getRawManifest(client, wanted, { signal })
}

/** The config of an image as the registry holds it. */
export async function registryConfig(
  client: RegistryClient,
  request: RegistryReadRequest & { readonly platform: Platform },
  { signal }: Context,
): Promise<Uint8Array> {
  const reference = withDefaultTag(parseReference(request.name))
  const action = `Cannot read the config of "${familiarReference(reference)}"`
  const top = await getManifest(client, reference, { signal })
  const chosen =
    top.document.kind === 'manifest'
      ? top
      : await getManifest(
          client,
          withDigest(reference, (await platformManifest(client, reference, request.platform, signal)).digest),
          { signal },
        )
  if (chosen.document.kind === 'index')
    throw new TsbuildError('MANIFEST_UNSUPPORTED', `${action}: it is an index of indexes`)
  return readBlob(client, reference, chosen.document.manifest.config, maxConfigSize, { signal, action })
}

/** A blob as a stream; nothing of it comes after the first wrong byte is noticed. `NAME@DIGEST`. */
export async function registryBlob(
  client: RegistryClient,
  name: string,
  { signal }: Context,
): Promise<AsyncIterable<Uint8Array>> {
  const reference = parseReference(name)
  const { digest } = reference
  if (digest === undefined) throw new TsbuildError('USAGE', `Cannot read a blob of "${name}": expected NAME@DIGEST`)
  const action = `Cannot read blob "${familiarReference(reference)}"`
  const response = await client.send(reference, {
    method: 'HEAD',
    path: `/blobs/${digest}`,
    access: 'write',
    actions: ['pull'],
    action,
    expect: [200],
    signal,
  })
  await response.discard()
  const size = Number(response.headers['content-length'])
  if (!Number.isSafeInteger(size))
    throw new TsbuildError('REGISTRY_PROTOCOL', `${action}: the registry does not tell its size`)
  return streamBlob(client, reference, { mediaType: '', digest: parseDigest(digest), size }, { signal, action })
}

async function platformManifest(
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
  signal: AbortSignal,
): Promise<Descriptor> {
  const top = await getManifest(client, reference, { signal })
  if (top.document.kind === 'manifest') return top.descriptor
  const entry = selectPlatform(top.document.index.manifests, platform)
  if (entry !== undefined) return entry
  const offered = top.document.index.manifests.flatMap((one) =>
    one.platform === undefined ? [] : [formatPlatform(one.platform)],
  )
  throw new TsbuildError(
    'PLATFORM_NOT_FOUND',
    `Cannot use "${familiarReference(reference)}": it is not made for ${formatPlatform(platform)}; it has ${offered.join(', ')}`,
  )
}
