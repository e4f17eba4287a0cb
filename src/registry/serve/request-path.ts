import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { isTag } from '../../oci/reference.ts'
import { RegistryFault } from './fault.ts'

/** What a request of the distribution API is about. */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string | Digest }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly session: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: Digest }

/** distribution-spec "Pulling manifests"; hosts may stand in front, so that names of other registries can be served. */
const namePattern = /^[a-zA-Z0-9]+(?:[._:]|__|-+|[a-zA-Z0-9])*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

/** Reads a path by the specification. Faults: NAME_INVALID, DIGEST_INVALID, MANIFEST_INVALID; undefined for no path of the API. */
export function parseRoute(path: string): Route | undefined {
  if (path === '/v2' || path === '/v2/') return { kind: 'base' }
  if (path === '/v2/_catalog') return { kind: 'catalog' }
  const match =
    /^\/v2\/(.+?)\/(?:(tags)\/list|(manifests|blobs|referrers)\/([^/]+)|blobs\/(uploads)\/([^/]*))\/?$/.exec(path)
  if (match === null) return undefined
  const [, repository = '', tags, kind, reference = '', uploads, session = ''] = match
  if (repository.length > 255 || !namePattern.test(repository))
    throw new RegistryFault('NAME_INVALID', `"${repository}" is not a name`)
  if (tags !== undefined) return { kind: 'tags', repository }
  if (uploads !== undefined || (kind === 'blobs' && reference === 'uploads')) {
    return session === '' ? { kind: 'uploads', repository } : { kind: 'upload', repository, session }
  }
  if (kind === 'manifests') return { kind: 'manifest', repository, reference: manifestReference(reference) }
  if (!isDigest(reference)) throw new RegistryFault('DIGEST_INVALID', `"${reference.slice(0, 100)}" is not a digest`)
  return kind === 'blobs'
    ? { kind: 'blob', repository, digest: reference }
    : { kind: 'referrers', repository, digest: reference }
}

function manifestReference(text: string): string | Digest {
  if (isDigest(text) || isTag(text)) return text
  throw new RegistryFault(
    text.includes(':') ? 'DIGEST_INVALID' : 'MANIFEST_INVALID',
    `"${text.slice(0, 100)}" is neither a tag nor a digest`,
  )
}
