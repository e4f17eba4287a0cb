import { appendEdit } from '../image/edit/append.ts'
import { editContent } from '../image/edit/edit-content.ts'
import { fileLayer } from '../image/edit/file-layer.ts'
import type { FileLayer } from '../image/edit/file-layer.ts'
import { parseLocation } from '../image/transfer/location.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface RegistryAppendRequest {
  readonly source: string
  readonly target: string | undefined
  /** Tar files, compressed or not. */
  readonly layers: readonly string[]
  readonly now: Date
  readonly dryRun: boolean
}

/** Puts layers on top of an image, or of every image of an index. Errors: FILE_UNREADABLE, LAYER_INVALID and those of the places. */
export async function registryAppend(tools: LocationTools, request: RegistryAppendRequest): Promise<CopiedImage> {
  await using stack = new AsyncDisposableStack()
  const layers: FileLayer[] = []
  for (const path of request.layers) layers.push(stack.use(await fileLayer(path, tools.signal)))
  const source = await openSource(tools, parseLocation(request.source))
  const edited = await editContent(source, appendEdit(layers, '', request.now))
  return await writeEdited(tools, edited, request.target ?? request.source, request)
}
