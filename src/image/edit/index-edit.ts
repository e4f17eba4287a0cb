import { TsbuildError } from '../../base/errors.ts'
import { parseManifest } from '../../oci/manifest.ts'
import { formatPlatform, samePlatform } from '../../oci/platform.ts'
import type { Descriptor, Platform } from '../../oci/types.ts'
import { encodedDocument } from '../transfer/copy-content.ts'
import type { ContentSource } from '../transfer/endpoint.ts'

/** Names the manifest that an attestation of an index speaks of. */
const attestedDigest = 'vnd.docker.reference.digest'

/** Takes entries of an index away. Error: PLATFORM_NOT_FOUND when nothing is left. */
export async function filterIndex(source: ContentSource, platforms: readonly Platform[]): Promise<ContentSource> {
  const raw = await source.resolve()
  const document = parseManifest(raw.bytes, raw.descriptor.mediaType, `manifest of ${source.name}`)
  if (document.kind === 'manifest')
    throw new TsbuildError('MANIFEST_UNSUPPORTED', `Cannot filter ${source.name}: it is no index`)
  const kept = ofPlatforms(document.index.manifests, platforms, `Cannot filter ${source.name}`)
  const top = encodedDocument({ ...document.index, manifests: kept })
  return { ...source, resolve: async () => top }
}

/** The entries for some platforms, and what attests them. Error: PLATFORM_NOT_FOUND when none is left. */
export function ofPlatforms(
  entries: readonly Descriptor[],
  platforms: readonly Platform[],
  action: string,
): readonly Descriptor[] {
  const fitting = entries.filter(
    ({ platform }) => platform !== undefined && platforms.some((wanted) => samePlatform(wanted, platform)),
  )
  if (fitting.length === 0) {
    const offered = entries.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]))
    throw new TsbuildError(
      'PLATFORM_NOT_FOUND',
      `${action}: none of its platforms is left; it has ${[...new Set(offered)].join(', ')}`,
    )
  }
  const digests = new Set<string | undefined>(fitting.map(({ digest }) => digest))
  return entries.filter(
    (entry) => fitting.includes(entry) || digests.has(entry.annotations?.[attestedDigest] ?? 'nothing'),
  )
}
