import { filterIndex } from '../image/edit/index-edit.ts'
import { joinIndex } from '../image/edit/join-index.ts'
import type { IndexPart, IndexParts } from '../image/edit/join-index.ts'
import { parseLocation } from '../image/transfer/location.ts'
import type { Platform } from '../oci/types.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface IndexJoinRequest extends Omit<IndexParts, 'parts' | 'onto'> {
  readonly parts: readonly IndexPart[]
  /** An index that they are added to. */
  readonly onto: string | undefined
  readonly targets: readonly string[]
  readonly dryRun: boolean
}

/** Makes an index of images, or adds images to one. Errors: USAGE and those of the places. */
export async function registryIndexJoin(
  tools: LocationTools,
  request: IndexJoinRequest,
): Promise<readonly CopiedImage[]> {
  const { onto, ...parts } = request
  const base = onto === undefined ? {} : { onto: await openSource(tools, parseLocation(onto)) }
  const joined = await joinIndex({ ...parts, ...base })
  const results: CopiedImage[] = []
  for (const target of request.targets) results.push(await writeEdited(tools, joined, target, request))
  return results
}

/** Locations as parts of an index. */
export async function indexParts(tools: LocationTools, locations: readonly string[]): Promise<readonly IndexPart[]> {
  return Promise.all(locations.map(async (text) => ({ source: await openSource(tools, parseLocation(text)) })))
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
