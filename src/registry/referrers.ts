import { hasCode } from '../base/errors.ts'
import { digestAlgorithm, digestHex, sha256 } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import { encodeManifest, maxManifestSize, parseManifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { familiarRepository, withTag } from '../oci/reference.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import type { Descriptor, Index } from '../oci/types.ts'
import type { RegistryClient } from './client.ts'
import { getManifest } from './fetch-manifest.ts'
import { walkPages } from './pages.ts'
import { putManifest } from './put-manifest.ts'
import { readBody } from './transport/body.ts'

export interface ReferrersOptions {
  readonly signal: AbortSignal
  readonly artifactType?: string
  readonly notify?: (note: string) => void
}

/**
 * Manifests whose subject is `digest`: by the referrers API, or by the tag schema where the registry lacks it
 * (distribution-spec 1.1 "Listing Referrers"). A subject without referrers gives an empty list. Errors: REGISTRY_*.
 */
export async function listReferrers(
  client: RegistryClient,
  repository: Repository,
  digest: Digest,
  options: ReferrersOptions,
): Promise<readonly Descriptor[]> {
  const { signal, artifactType, notify } = options
  const found =
    (await fromApi(client, repository, digest, options)) ??
    (await fromTag(client, repository, digest, { signal, ...(notify === undefined ? {} : { notify }) })).manifests
  return artifactType === undefined ? found : found.filter((one) => one.artifactType === artifactType)
}

/** distribution-spec "Referrers Tag Schema": algorithm and digits are cut, so that a sha512 digest fits into a tag. */
export function referrersTag(repository: Repository, digest: Digest): Reference {
  return withTag(repository, `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`)
}

/** Enters a manifest into its subject's list, for registries that did not do it themselves. */
export async function addReferrer(
  client: RegistryClient,
  repository: Repository,
  subject: Digest,
  referrer: Descriptor,
  options: Pick<ReferrersOptions, 'signal' | 'notify'>,
): Promise<void> {
  await changeTagged(client, repository, subject, options, (entries) =>
    entries.some((entry) => entry.digest === referrer.digest) ? entries : [...entries, referrer],
  )
}

/** Takes a manifest that was deleted out of its subject's list. */
export async function removeReferrer(
  client: RegistryClient,
  repository: Repository,
  subject: Digest,
  digest: Digest,
  options: Pick<ReferrersOptions, 'signal' | 'notify'>,
): Promise<void> {
  await changeTagged(client, repository, subject, options, (entries) =>
    entries.filter((entry) => entry.digest !== digest),
  )
}

async function changeTagged(
  client: RegistryClient,
  repository: Repository,
  subject: Digest,
  options: Pick<ReferrersOptions, 'signal' | 'notify'>,
  change: (entries: readonly Descriptor[]) => readonly Descriptor[],
): Promise<void> {
  const current = await fromTag(client, repository, subject, options)
  const manifests = change(current.manifests)
  if (manifests === current.manifests) return
  const bytes = encodeManifest({ ...current, manifests })
  const descriptor = { mediaType: current.mediaType, digest: sha256(bytes), size: Buffer.byteLength(bytes) }
  await putManifest(client, referrersTag(repository, subject), { descriptor, bytes: Buffer.from(bytes) }, options)
}

async function fromApi(
  client: RegistryClient,
  repository: Repository,
  digest: Digest,
  options: ReferrersOptions,
): Promise<readonly Descriptor[] | undefined> {
  const entries: Descriptor[] = []
  let served = true
  const pages = walkPages<Descriptor>(async (next) => {
    const response = await client.send(repository, {
      method: 'GET',
      path: next ?? `/referrers/${digest}`,
      ...(next === undefined ? { query: { artifactType: options.artifactType } } : {}),
      headers: { accept: mediaTypes.ociIndex },
      access: 'write',
      actions: ['pull'],
      action: `Cannot list the referrers in "${familiarRepository(repository)}"`,
      expect: [200, 400, 404, 405, 501],
      signal: options.signal,
      ...(options.notify === undefined ? {} : { notify: options.notify }),
    })
    // Some servers answer 200 with their web page.
    if (response.status !== 200 || !/json/i.test(response.headers['content-type'] ?? '')) {
      served = false
      await response.discard()
      return { response: { ...response, headers: {} }, items: [] }
    }
    const what = 'the list of referrers'
    const bytes = await readBody(response, { limit: maxManifestSize, deadline: client.timeouts.document, what })
    const document = parseManifest(bytes, mediaTypes.ociIndex, what)
    return { response, items: document.kind === 'index' ? document.index.manifests : [] }
  })
  for await (const entry of pages) entries.push(entry)
  return served ? entries : undefined
}

async function fromTag(
  client: RegistryClient,
  repository: Repository,
  digest: Digest,
  options: Pick<ReferrersOptions, 'signal' | 'notify'>,
): Promise<Index> {
  const empty: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }
  try {
    const { document } = await getManifest(client, referrersTag(repository, digest), options)
    return document.kind === 'index' ? document.index : empty
  } catch (error) {
    if (hasCode(error, 'REGISTRY_NOT_FOUND')) return empty
    throw error
  }
}
