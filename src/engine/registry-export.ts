import { TsbuildError } from '../base/errors.ts'
import { mergedEntries } from '../image/edit/merged-entries.ts'
import { mergedTar } from '../image/edit/merged-tar.ts'
import { readSourceImage } from '../image/edit/read-image.ts'
import { parseLocation } from '../image/transfer/location.ts'
import type { Platform } from '../oci/types.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'

export interface RegistryExportRequest {
  readonly source: string
  readonly platform: Platform
  /** Only this file's content. */
  readonly path: string | undefined
}

/** The file system of an image as a tar stream, or one file of it; nothing is unpacked. Errors: FILE_UNREADABLE, LAYER_INVALID. */
export async function registryExport(
  tools: LocationTools,
  request: RegistryExportRequest,
): Promise<AsyncIterable<Uint8Array>> {
  const source = await openSource(tools, parseLocation(request.source))
  const { manifest } = await readSourceImage(source, request.platform)
  const entries = mergedEntries(source, manifest)
  if (request.path === undefined) return mergedTar(entries)
  const wanted = request.path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
  return oneFile(entries, wanted, request)
}

async function* oneFile(
  entries: ReturnType<typeof mergedEntries>,
  wanted: string,
  request: RegistryExportRequest,
): AsyncGenerator<Uint8Array> {
  for await (const { path, header, content } of entries) {
    if (path !== wanted) continue
    if (header.type === 'file') {
      yield* content
      return
    }
    const target = header.linkname === undefined || header.linkname === null ? '' : `, a link to "${header.linkname}"`
    throw new TsbuildError(
      'FILE_UNREADABLE',
      `Cannot read "${request.path ?? ''}" of ${request.source}: it is a ${header.type ?? 'file'}${target}`,
    )
  }
  throw new TsbuildError(
    'FILE_UNREADABLE',
    `Cannot read "${request.path ?? ''}" of ${request.source}: there is no such file`,
  )
}
