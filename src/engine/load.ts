import { stat } from 'node:fs/promises'
import { TsbuildError } from '../base/errors.ts'
import { openUserFile } from '../base/user-file.ts'
import type { NativeCore } from '../host/native.ts'
import { readFolder } from '../image/archive/folder-archive.ts'
import { loadImages } from '../image/archive/load-images.ts'
import type { LoadedImage } from '../image/archive/load-images.ts'
import { plainStream } from '../image/archive/plain-stream.ts'
import { readArchive } from '../image/archive/read-archive.ts'
import { readTar } from '../image/archive/tar-archive.ts'
import type { TarEntry } from '../image/archive/tar-archive.ts'
import { unpackTools } from '../image/unpack-layers.ts'
import { familiarReference } from '../oci/reference.ts'
import { recordImageEvent } from './image-events.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface LoadRequest {
  readonly from:
    | { readonly kind: 'stream'; readonly stream: AsyncIterable<Uint8Array> }
    /** An archive, compressed or not, or an OCI layout folder. */
    | { readonly kind: 'path'; readonly path: string }
}

/** Brings the images of an archive into the store. Errors: FILE_UNREADABLE, ARCHIVE_INVALID, DIGEST_MISMATCH and those of unpacking. */
export async function load(
  engine: Engine,
  request: LoadRequest,
  context: VerbContext,
): Promise<readonly LoadedImage[]> {
  const { store, snapshots, native, imageRecords: records } = engine
  const archive = await readArchive(await entriesOf(request, native, context.signal), store.content, context.signal)
  const loaded = await loadImages(
    { store, records, unpacking: unpackTools(store, snapshots, native) },
    archive,
    context,
  )
  for (const { id, names } of loaded) {
    recordImageEvent(engine, 'load', id, names[0] === undefined ? undefined : familiarReference(names[0]))
  }
  return loaded
}

async function entriesOf(
  { from }: LoadRequest,
  native: NativeCore,
  signal: AbortSignal,
): Promise<AsyncIterable<TarEntry>> {
  if (from.kind === 'stream') return readTar(plainStream(from.stream, native))
  const found = await stat(from.path).catch((error: unknown) => {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot load images from "${from.path}"`, { cause: error })
  })
  if (found.isDirectory()) return readFolder(from.path)
  return readTar(plainStream(await openUserFile(from.path, { signal, highWaterMark: 256 * 1024 }), native))
}
