import { Readable } from 'node:stream'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { TsbuildError, messageOf } from '../../base/errors.ts'
import type { NativeCore } from '../../host/native.ts'

/** First bytes of compressed files. */
const magic = {
  gzip: [0x1f, 0x8b],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  bzip2: [0x42, 0x5a, 0x68],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
} as const

/** The content of a stream that may be compressed by gzip, zstd, bzip2 or xz. ARCHIVE_INVALID for damaged data. */
export async function* plainStream(source: AsyncIterable<Uint8Array>, native: NativeCore): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  const head = await readHead(iterator)
  const rest = (async function* () {
    if (head.byteLength > 0) yield head
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  })()
  switch (kindOf(head)) {
    case 'plain':
      return yield* rest
    case 'gzip':
      return yield* through(rest, createGunzip())
    case 'zstd':
      return yield* through(rest, createZstdDecompress())
    case 'bzip2':
    case 'xz':
      return yield* decoded(rest, native)
  }
}

/** What Node cannot uncompress, the core can. */
async function* decoded(source: AsyncIterable<Uint8Array>, native: NativeCore): AsyncGenerator<Uint8Array> {
  const stop = new AbortController()
  const plan = { in: { fd: 5 }, out: { fd: 6 } }
  const running = native.start('decode', plan, { signal: stop.signal, fds: ['pipe', 'pipe'] })
  running.result.catch(() => undefined)
  const [into, from] = running.pipes
  if (!into || !from) throw new Error('The native core was started without the pipes it was asked for')
  const fed = pipeline(source, into)
  // A core that gave up closes its end: its own error says why.
  fed.catch(() => undefined)
  try {
    for await (const chunk of from as AsyncIterable<Uint8Array>) yield chunk
    await running.result
    await fed
  } catch (error) {
    throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: ${messageOf(error)}`, { cause: error })
  } finally {
    stop.abort()
    into.destroy()
    from.destroy()
  }
}

async function readHead(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array()
  while (head.byteLength < 8) {
    const next = await iterator.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  return head
}

function kindOf(head: Uint8Array): keyof typeof magic | 'plain' {
  const starts = (bytes: readonly number[]): boolean => bytes.every((byte, at) => head[at] === byte)
  if (starts(magic.gzip)) return 'gzip'
  if (starts(magic.zstd)) return 'zstd'
  if (starts(magic.bzip2)) return 'bzip2'
  return starts(magic.xz) ? 'xz' : 'plain'
}

async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  const readable = Readable.from(source)
  readable.on('error', (error) => transform.destroy(error))
  readable.pipe(transform)
  try {
    for await (const chunk of transform as AsyncIterable<Uint8Array>) yield chunk
  } catch (error) {
    throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: ${messageOf(error)}`, { cause: error })
  } finally {
    readable.destroy()
    transform.destroy()
  }
}
