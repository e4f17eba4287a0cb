import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { TsbuildError } from '../base/errors.ts'
import { parseDigest } from '../oci/digest.ts'
import type { DiffId } from '../oci/digest.ts'
import { familyOf, layerCompression, layerType } from '../oci/media-types.ts'
import type { Compression } from '../oci/media-types.ts'
import type { Descriptor } from '../oci/types.ts'
import type { ContentStore } from '../store/content.ts'

export interface RecompressOptions {
  readonly kind: Compression
  readonly level?: number
  /** What the uncompressed bytes must hash to: DIGEST_MISMATCH otherwise. */
  readonly diffId: DiffId
  readonly signal: AbortSignal
}

/** Brings the bytes of a stored layer into another compression without unpacking them: the DiffID stays. */
export async function recompressLayer(
  content: ContentStore,
  layer: Descriptor,
  options: RecompressOptions,
): Promise<Descriptor> {
  const from = layerCompression(layer.mediaType)
  if (from === undefined)
    throw new TsbuildError('MANIFEST_UNSUPPORTED', `Cannot compress a layer of type "${layer.mediaType}" anew`)
  await using file = await content.scratch()
  const plain = createHash('sha256')
  const packed = createHash('sha256')
  let size = 0
  const stages = [
    Readable.from(content.stream(layer.digest)),
    ...decompressor(from),
    observe((chunk) => plain.update(chunk)),
    ...compressor(options),
    observe((chunk) => {
      packed.update(chunk)
      size += chunk.byteLength
    }),
    createWriteStream(file.path, { mode: 0o600 }),
  ]
  await pipeline(stages, { signal: options.signal })
  const diffId = `sha256:${plain.digest('hex')}`
  if (diffId !== options.diffId) {
    throw new TsbuildError(
      'DIGEST_MISMATCH',
      `Cannot compress layer ${layer.digest} anew: its content is ${diffId}, not ${options.diffId}`,
    )
  }
  const digest = parseDigest(`sha256:${packed.digest('hex')}`)
  await file.adopt(digest, size)
  return { mediaType: layerType(familyOf(layer.mediaType), options.kind), digest, size }
}

function decompressor(kind: Compression): readonly Transform[] {
  switch (kind) {
    case 'none':
      return []
    case 'gzip':
      return [createGunzip()]
    case 'zstd':
      return [createZstdDecompress()]
  }
}

function compressor({ kind, level }: RecompressOptions): readonly Transform[] {
  switch (kind) {
    case 'none':
      return []
    case 'gzip':
      return [createGzip({ level: level ?? 6 })]
    case 'zstd':
      return [createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level ?? 3 } })]
  }
}

function observe(see: (chunk: Uint8Array) => void): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      see(chunk)
      done(null, chunk)
    },
  })
}
