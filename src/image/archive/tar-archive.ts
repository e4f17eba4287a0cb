import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { TsbuildError, cancelled, messageOf } from '../../base/errors.ts'
import { sparingly } from '../../base/sparingly.ts'
import type { ArchiveFile } from './layout.ts'

/** A tar that is written file by file. */
export interface TarWriter {
  add(file: ArchiveFile): Promise<void>
  /** Ends the archive and waits until all of it is written. */
  finish(): Promise<void>
  /** Gives it up; the output is destroyed. */
  abandon(error: unknown): void
}

/** Files have mode 0644, no times and no owners: equal content gives equal bytes. Ends `out`. */
export async function openTarWriter(out: Writable): Promise<TarWriter> {
  const { pack } = await import('tar-stream')
  const tar = pack()
  const ended = copyTo(tar as unknown as AsyncIterable<Uint8Array>, out)
  ended.catch(() => undefined)
  return {
    async add(file) {
      const entry = tar.entry({ name: file.path, size: file.size, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 })
      for await (const chunk of file.open()) {
        if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), ended])
      }
      entry.end(new Uint8Array())
    },
    async finish() {
      tar.finalize()
      await ended
    },
    abandon(error) {
      tar.destroy(error instanceof Error ? error : new Error(messageOf(error)))
    },
  }
}

/** Writes files as one tar and ends the stream. */
export async function writeTar(files: AsyncIterable<ArchiveFile>, out: Writable, signal: AbortSignal): Promise<void> {
  const tar = await openTarWriter(out)
  try {
    for await (const file of files) {
      if (signal.aborted) throw cancelled(signal)
      await tar.add(file)
    }
    await tar.finish()
  } catch (error) {
    tar.abandon(error)
    throw error
  }
}

/** An output that goes away (EPIPE) ends it with that error. */
async function copyTo(source: AsyncIterable<Uint8Array>, out: Writable): Promise<void> {
  const finished = new Promise<void>((resolve, reject) => {
    out.once('error', reject)
    out.once('finish', resolve)
  })
  finished.catch(() => undefined)
  for await (const chunk of source) {
    if (!out.write(chunk)) await Promise.race([once(out, 'drain'), finished])
  }
  out.end()
  await finished
}

export interface TarEntry {
  readonly path: string
  readonly kind: 'file' | 'link'
  readonly size: number
  /** Target of a hard or symbolic link. */
  readonly target: string
  /** Must be read to the end before the next entry comes. */
  readonly content: AsyncIterable<Uint8Array>
}

/** More files than any archive of images has; each costs memory. */
const maxEntries = 50_000

/**
 * Reads a tar as it comes. Only files and links are given; paths are made relative, those that climb out are ARCHIVE_INVALID, as is a tar that
 * ends too early.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const { extract } = await import('tar-stream')
  const { Readable } = await import('node:stream')
  const tar = extract()
  const feed = Readable.from(sparingly(source))
  feed.on('error', (error) => tar.destroy(error))
  feed.pipe(tar)
  let count = 0
  try {
    for await (const entry of tar) {
      count += 1
      if (count > maxEntries)
        throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: it has more than ${maxEntries} entries`)
      const { name, type, size, linkname } = entry.header
      if (type === 'file' || type === 'contiguous-file' || type === 'link' || type === 'symlink') {
        const kind = type === 'link' || type === 'symlink' ? 'link' : 'file'
        yield {
          path: cleanPath(name),
          kind,
          size,
          target: linkname ?? '',
          content: located(entry as AsyncIterable<Uint8Array>),
        }
      }
      entry.resume()
    }
  } catch (error) {
    throw archiveError(error)
  } finally {
    feed.destroy()
  }
}

async function* located(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content
  } catch (error) {
    throw archiveError(error)
  }
}

function archiveError(error: unknown): TsbuildError {
  if (error instanceof TsbuildError) return error
  return new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: ${messageOf(error)}`, { cause: error })
}

function cleanPath(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..'))
    throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: its entry "${name}" climbs out of it`)
  return parts.join('/')
}
