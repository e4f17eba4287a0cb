import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip, createZstdDecompress } from 'node:zlib'
import { TsbuildError, messageOf } from '../../base/errors.ts'
import { openRegularFile } from '../../base/user-file.ts'
import { parseDigest } from '../../oci/digest.ts'
import type { DiffId } from '../../oci/digest.ts'
import { layerType } from '../../oci/media-types.ts'
import type { Compression, Family } from '../../oci/media-types.ts'
import type { BlobSource } from '../../registry/upload-blob.ts'
import { fileBlob } from '../transfer/layout-endpoint.ts'

/** A tar on its way to be a layer. Disposing it removes what had to be made for it. */
export interface FileLayer extends AsyncDisposable {
  readonly blob: BlobSource
  readonly diffId: DiffId
  mediaType(family: Family): string
}

/** Takes a tar file as a layer: compressed ones as they are, a plain one by gzip. Errors: FILE_UNREADABLE, LAYER_INVALID. */
export async function fileLayer(path: string, signal: AbortSignal): Promise<FileLayer> {
  const compression = await compressionOf(path)
  return compression === 'none'
    ? compressedLayer(createReadStream(path), path, signal)
    : presentLayer(path, compression, signal)
}

/** Compresses a tar stream into a temporary file. */
export async function compressedLayer(
  tar: AsyncIterable<Uint8Array>,
  name: string,
  signal: AbortSignal,
): Promise<FileLayer> {
  const target = join(tmpdir(), `tsbuild-layer-${randomBytes(6).toString('hex')}.tar.gz`)
  const plain = createHash('sha256')
  const packed = createHash('sha256')
  let size = 0
  try {
    await pipeline(
      Readable.from(tar),
      watch((chunk) => plain.update(chunk)),
      createGzip({ level: 6 }),
      watch((chunk) => {
        packed.update(chunk)
        size += chunk.byteLength
      }),
      createWriteStream(target, { flags: 'wx', mode: 0o600 }),
      { signal },
    )
  } catch (error) {
    await rm(target, { force: true })
    throw error instanceof TsbuildError
      ? error
      : new TsbuildError('FILE_UNREADABLE', `Cannot read "${name}": ${messageOf(error)}`, { cause: error })
  }
  const digest = parseDigest(`sha256:${packed.digest('hex')}`)
  return {
    blob: fileBlob(target, digest, size),
    diffId: parseDigest(`sha256:${plain.digest('hex')}`),
    mediaType: (family) => layerType(family, 'gzip'),
    [Symbol.asyncDispose]: () => rm(target, { force: true }),
  }
}

async function presentLayer(path: string, compression: 'gzip' | 'zstd', signal: AbortSignal): Promise<FileLayer> {
  const plain = createHash('sha256')
  const packed = createHash('sha256')
  const sink = new Transform({ transform: (_chunk, _encoding, done) => done() })
  sink.resume()
  try {
    await pipeline(
      createReadStream(path),
      watch((chunk) => packed.update(chunk)),
      compression === 'gzip' ? createGunzip() : createZstdDecompress(),
      watch((chunk) => plain.update(chunk)),
      sink,
      { signal },
    )
  } catch (error) {
    throw new TsbuildError('LAYER_INVALID', `Cannot use "${path}" as a layer: ${messageOf(error)}`, { cause: error })
  }
  const { size } = await stat(path)
  return {
    blob: fileBlob(path, parseDigest(`sha256:${packed.digest('hex')}`), size),
    diffId: parseDigest(`sha256:${plain.digest('hex')}`),
    mediaType: (family) => layerType(family, compression),
    async [Symbol.asyncDispose]() {
      // The file is the user's.
    },
  }
}

async function compressionOf(path: string): Promise<Compression> {
  const file = await openRegularFile(path).catch((error: unknown) => {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}"`, { cause: error })
  })
  try {
    const head = Buffer.alloc(4)
    await file.read(head, 0, 4, 0)
    if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
    return head.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none'
  } finally {
    await file.close()
  }
}

function watch(see: (chunk: Uint8Array) => void): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      see(chunk)
      done(null, chunk)
    },
  })
}
