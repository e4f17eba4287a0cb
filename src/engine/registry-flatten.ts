import { editContent } from '../image/edit/edit-content.ts'
import { flattenEdit } from '../image/edit/flatten.ts'
import { parseLocation } from '../image/transfer/location.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface RegistryFlattenRequest {
  readonly source: string
  readonly target: string | undefined
  readonly now: Date
  readonly dryRun: boolean
}

/** Makes one layer of an image's layers; what upper layers removed is gone for good. Errors: LAYER_INVALID and those of the places. */
export async function registryFlatten(tools: LocationTools, request: RegistryFlattenRequest): Promise<CopiedImage> {
  await using stack = new AsyncDisposableStack()
  const source = await openSource(tools, parseLocation(request.source))
  const edited = await editContent(
    source,
    flattenEdit(source, (layer) => stack.use(layer), tools.signal, request.now),
  )
  return await writeEdited(tools, edited, request.target ?? request.source, request)
}
