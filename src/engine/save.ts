import type { Writable } from 'node:stream'
import { hasCode } from '../base/errors.ts'
import { writeFolder } from '../image/archive/folder-archive.ts'
import { saveImages } from '../image/archive/save-images.ts'
import type { SavedImage } from '../image/archive/save-images.ts'
import { writeTar } from '../image/archive/tar-archive.ts'
import type { LayerCompression } from '../image/packed-layers.ts'
import { formatRepository, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Digest } from '../oci/digest.ts'
import type { Engine, VerbContext } from './engine.ts'
import { localImage } from './local-image.ts'

export interface SaveRequest {
  /** Names, IDs, or repositories without tag: all their tags then. */
  readonly names: readonly string[]
  readonly format: 'docker' | 'oci'
  readonly compression: LayerCompression
  /** Only this platform of an image made for several; without it all that are here. */
  readonly platform?: string
  readonly to:
    | { readonly kind: 'stream'; readonly stream: Writable }
    | { readonly kind: 'folder'; readonly path: string }
}

/** Writes images into an archive that `load`, docker, podman and OCI tools read. Errors: IMAGE_NOT_FOUND, BLOB_MISSING. */
export async function save(engine: Engine, request: SaveRequest, context: VerbContext): Promise<void> {
  const { store, snapshots, native, imageRecords: records } = engine
  const files = saveImages({ store, snapshots, native, records }, await imagesOf(engine, request), {
    format: request.format,
    compression: request.compression,
    allPlatforms: request.platform === undefined,
    emit: context.emit,
    signal: context.signal,
  })
  if (request.to.kind === 'folder') await writeFolder(files, request.to.path, context.signal)
  else await writeTar(files, request.to.stream, context.signal)
}

/** Names of one image are joined: its files are written once. */
async function imagesOf(engine: Engine, request: SaveRequest): Promise<readonly SavedImage[]> {
  const found = new Map<Digest, { readonly image: SavedImage['image']; readonly names: Reference[] }>()
  for (const text of request.names) {
    const tags = tagsOf(engine, text)
    for (const name of tags ?? [text]) {
      const image = await localImage(engine, name, request.platform)
      const entry = found.get(image.target.digest) ?? { image, names: [] }
      found.set(image.target.digest, entry)
      const reference = nameOf(engine, name)
      if (reference !== undefined) entry.names.push(reference)
    }
  }
  return [...found.values()]
}

/** docker: a name without tag means all tags of the repository. Undefined when it is not such a name. */
function tagsOf(engine: Engine, text: string): readonly string[] | undefined {
  const reference = parsed(text)
  if (reference === undefined || reference.tag !== undefined || reference.digest !== undefined) return undefined
  const prefix = `${formatRepository(reference)}:`
  const names = engine.imageRecords.refs().filter(({ name }) => name.startsWith(prefix))
  return names.length === 0 ? undefined : names.map(({ name }) => name)
}

/** An ID has no name. */
function nameOf(engine: Engine, text: string): Reference | undefined {
  const reference = parsed(text)
  if (reference === undefined || reference.digest !== undefined) return undefined
  const tagged = withDefaultTag(reference)
  return engine.imageRecords.ref(`${formatRepository(tagged)}:${tagged.tag ?? ''}`) === undefined ? undefined : tagged
}

function parsed(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    if (hasCode(error, 'REFERENCE_INVALID', 'DIGEST_INVALID')) return undefined
    throw error
  }
}
