import { TsbuildError } from '../base/errors.ts'
import { convertFamily } from '../image/edit/convert-family.ts'
import { copyContent } from '../image/transfer/copy-content.ts'
import { drySink } from '../image/transfer/dry-sink.ts'
import type { PlannedWrite } from '../image/transfer/dry-sink.ts'
import { formatLocation, parseLocation } from '../image/transfer/location.ts'
import type { Location } from '../image/transfer/location.ts'
import type { LayerCompression } from '../image/packed-layers.ts'
import type { Digest } from '../oci/digest.ts'
import type { Family } from '../oci/media-types.ts'
import { withTag } from '../oci/reference.ts'
import type { Platform } from '../oci/types.ts'
import { listTags } from '../registry/list.ts'
import { openSink, openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'

export interface RegistryCopyRequest {
  readonly source: string
  readonly target: string
  readonly platforms: readonly Platform[]
  /** Every tag of the source's repository, under the same tags. */
  readonly allTags: boolean
  readonly referrers: boolean
  readonly foreignLayers: boolean
  readonly dryRun: boolean
  readonly compression: LayerCompression
  /** Manifests are written anew in this family of formats; without it nothing changes. */
  readonly family?: Family | undefined
}

export interface CopiedImage {
  readonly source: string
  readonly target: string
  readonly digest: Digest
  readonly bytes: number
  readonly blobs: { readonly copied: number; readonly mounted: number; readonly existed: number }
  /** Only of a dry run. */
  readonly planned: readonly PlannedWrite[]
}

/** Copies images between registries, layouts, archives and the store, digests unchanged. Errors: those of the places, USAGE. */
export async function registryCopy(
  tools: LocationTools,
  request: RegistryCopyRequest,
): Promise<readonly CopiedImage[]> {
  const results: CopiedImage[] = []
  for (const [source, target] of await pairsOf(tools, request))
    results.push(await copyOne(tools, source, target, request))
  return results
}

async function copyOne(
  tools: LocationTools,
  from: Location,
  to: Location,
  request: RegistryCopyRequest,
): Promise<CopiedImage> {
  const opened = await openSource(tools, from, request.compression)
  const source = request.family === undefined ? opened : await convertFamily(opened, request.family)
  const real = await openSink(tools, to)
  const dry = request.dryRun ? drySink(real) : undefined
  const { descriptor, blobs, bytes } = await copyContent(source, dry ?? real, {
    platforms: request.platforms,
    referrers: request.referrers,
    foreignLayers: request.foreignLayers || to.kind !== 'registry',
    emit: tools.emit,
    signal: tools.signal,
  })
  return {
    source: formatLocation(from),
    target: formatLocation(to),
    digest: descriptor.digest,
    blobs,
    bytes,
    planned: dry?.planned ?? [],
  }
}

async function pairsOf(
  tools: LocationTools,
  request: RegistryCopyRequest,
): Promise<readonly (readonly [Location, Location])[]> {
  const source = parseLocation(request.source)
  const target = parseLocation(request.target)
  if (request.dryRun && target.kind === 'archive')
    throw new TsbuildError('USAGE', 'A dry run into an archive has nothing to look at')
  if (!request.allTags) return [[source, target]]
  if (source.kind !== 'registry' || (target.kind !== 'registry' && target.kind !== 'layout')) {
    throw new TsbuildError('USAGE', 'All tags can be copied from a registry to a registry or a layout folder')
  }
  const tags = await Array.fromAsync(listTags(tools.client, source.reference, { signal: tools.signal }))
  return tags.map((tag): readonly [Location, Location] => [
    { kind: 'registry', reference: withTag(source.reference, tag) },
    target.kind === 'registry' ? { kind: 'registry', reference: withTag(target.reference, tag) } : { ...target, tag },
  ])
}
