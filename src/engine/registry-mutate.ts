import { editContent } from '../image/edit/edit-content.ts'
import { mutateEdit } from '../image/edit/mutate.ts'
import type { ConfigChanges } from '../image/edit/mutate.ts'
import { parseLocation } from '../image/transfer/location.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface RegistryMutateRequest {
  readonly source: string
  /** Where the result goes; the source itself when absent. */
  readonly target: string | undefined
  readonly changes: ConfigChanges
  readonly dryRun: boolean
}

/** Changes the config of an image, or of every image of an index, without touching a layer. Errors: USAGE and those of the places. */
export async function registryMutate(tools: LocationTools, request: RegistryMutateRequest): Promise<CopiedImage> {
  const source = await openSource(tools, parseLocation(request.source))
  const edited = await editContent(source, mutateEdit(request.changes))
  return writeEdited(tools, edited, request.target ?? request.source, request)
}
