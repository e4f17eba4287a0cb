import { filterIndex, joinIndex } from '../image/edit/index-edit.ts'
import type { ContentSource } from '../image/transfer/endpoint.ts'
import { parseLocation } from '../image/transfer/location.ts'
import type { Family } from '../oci/media-types.ts'
import type { Platform } from '../oci/types.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface IndexJoinRequest {
  /** Images and indexes to join. */
  readonly sources: readonly string[]
  /** An index that they are added to; it is the target, too, when none is given. */
  readonly onto: string | undefined
  readonly targets: readonly string[]
  readonly family: Family
  readonly annotations: Readonly<Record<string, string>>
  readonly dryRun: boolean
}

/** Makes an index of images, or adds images to one. Errors: USAGE and those of the places. */
export async function registryIndexJoin(
  tools: LocationTools,
  request: IndexJoinRequest,
): Promise<readonly CopiedImage[]> {
  const open = (text: string): Promise<ContentSource> => openSource(tools, parseLocation(text))
  const joined = await joinIndex({
    sources: await Promise.all(request.sources.map(open)),
    ...(request.onto === undefined ? {} : { onto: await open(request.onto) }),
    family: request.family,
    annotations: request.annotations,
  })
  const results: CopiedImage[] = []
  for (const target of request.targets) results.push(await writeEdited(tools, joined, target, request))
  return results
}

export interface IndexFilterRequest {
  readonly source: string
  readonly target: string | undefined
  readonly platforms: readonly Platform[]
  readonly dryRun: boolean
}

/** Keeps only some platforms of an index. Errors: PLATFORM_NOT_FOUND and those of the places. */
export async function registryIndexFilter(tools: LocationTools, request: IndexFilterRequest): Promise<CopiedImage> {
  const source = await openSource(tools, parseLocation(request.source))
  return writeEdited(tools, await filterIndex(source, request.platforms), request.target ?? request.source, request)
}
