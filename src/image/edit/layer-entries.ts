import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { Header } from 'tar-stream'
import { TsbuildError, messageOf } from '../../base/errors.ts'
import type { DiffId } from '../../oci/digest.ts'
import { layerCompression } from '../../oci/media-types.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { ContentSource } from '../transfer/endpoint.ts'

/** One entry of a layer's tar. `content` must be read, or the next entry asked for. */
export interface LayerEntry {
  readonly header: Header
  /** Without leading and trailing slashes and dots. */
  readonly path: string
  readonly content: AsyncIterable<Uint8Array>
}

/**
 * Reads a layer as it comes, without unpacking it. The blob is verified by its source; with `diffId` the uncompressed bytes are, too, at the
 * end. Errors: MANIFEST_UNSUPPORTED, LAYER_INVALID, DIGEST_MISMATCH.
 */
export async function* layerEntries(
  source: ContentSource,
  layer: Descriptor,
  diffId?: DiffId,
): AsyncGenerator<LayerEntry> {
  const compression = layerCompression(layer.mediaType)
  if (compression === undefined)
    throw new TsbuildError(
      'MANIFEST_UNSUPPORTED',
      `Cannot read layer ${layer.digest}: its type "${layer.mediaType}" is no file system`,
    )
  const { extract } = await import('tar-stream')
  const blob = Readable.from((await source.blob(layer)).open())
  const plain =
    compression === 'none' ? blob : blob.pipe(compression === 'gzip' ? createGunzip() : createZstdDecompress())
  const hash = createHash('sha256')
  const tar = extract()
  blob.on('error', (error) => plain.destroy(error))
  const feeding = feed(plain as AsyncIterable<Uint8Array>, tar, hash)
  feeding.catch(() => undefined)
  try {
    for await (const entry of tar) {
      yield { header: entry.header, path: cleanPath(entry.header.name), content: entry as AsyncIterable<Uint8Array> }
      entry.resume()
    }
    await feeding
  } catch (error) {
    if (error instanceof TsbuildError) throw error
    throw new TsbuildError('LAYER_INVALID', `Cannot read layer ${layer.digest}: ${messageOf(error)}`, { cause: error })
  } finally {
    blob.destroy()
    plain.destroy()
  }
  const actual = `sha256:${hash.digest('hex')}`
  if (diffId !== undefined && actual !== diffId) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `Cannot use layer ${layer.digest}: its content is ${actual}, the config says ${diffId}`,
    )
  }
}

interface Tar {
  write(chunk: Uint8Array): boolean
  once(event: 'drain', listener: () => void): unknown
  end(chunk: Uint8Array): unknown
  destroy(error: Error): unknown
}

/** All bytes count for the DiffID, also those after the tar's end. */
async function feed(plain: AsyncIterable<Uint8Array>, tar: Tar, hash: ReturnType<typeof createHash>): Promise<void> {
  try {
    for await (const chunk of plain) {
      hash.update(chunk)
      if (!tar.write(chunk)) await new Promise<void>((resolve) => void tar.once('drain', resolve))
    }
    tar.end(new Uint8Array())
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(messageOf(error)))
    throw error
  }
}

function cleanPath(name: string): string {
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
}

/** image-spec "Whiteouts". */
export const whiteoutPrefix = '.wh.'
export const opaqueWhiteout = '.wh..wh..opq'

export type Whiteout =
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'opaque'; readonly path: string }

/** What a whiteout entry hides of the layers below; undefined for an entry that is none. */
export function whiteoutOf(path: string): Whiteout | undefined {
  const slash = path.lastIndexOf('/')
  const folder = path.slice(0, Math.max(slash, 0))
  const name = path.slice(slash + 1)
  if (name === opaqueWhiteout) return { kind: 'opaque', path: folder }
  if (!name.startsWith(whiteoutPrefix)) return undefined
  const target = name.slice(whiteoutPrefix.length)
  return { kind: 'remove', path: folder === '' ? target : `${folder}/${target}` }
}
