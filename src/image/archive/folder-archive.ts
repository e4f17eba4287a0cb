import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { makeDirectories } from '../../base/make-directories.ts'
import { cancelled } from '../../base/errors.ts'
import { sparingly } from '../../base/sparingly.ts'
import type { ArchiveFile } from './layout.ts'
import type { TarEntry } from './tar-archive.ts'

/** Writes files below a folder; blobs that are there already are left alone. */
export async function writeFolder(
  files: AsyncIterable<ArchiveFile>,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  for await (const file of files) {
    if (signal.aborted) throw cancelled(signal)
    const path = join(folder, file.path)
    makeDirectories(dirname(path))
    const present = await lstat(path).catch(() => undefined)
    if (file.path.startsWith('blobs/') && present?.size === file.size) continue
    await pipeline(file.open(), createWriteStream(path, { mode: 0o644 }), { signal })
  }
}

/** The files of a layout folder as if they came in an archive. Links are not followed. */
export async function* readFolder(folder: string, below = ''): AsyncGenerator<TarEntry> {
  const names = (await readdir(join(folder, below))).sort()
  for (const name of names) {
    const path = below === '' ? name : `${below}/${name}`
    const stat = await lstat(join(folder, path))
    if (stat.isDirectory()) yield* readFolder(folder, path)
    if (!stat.isFile()) continue
    yield {
      path,
      kind: 'file',
      size: stat.size,
      target: '',
      content: sparingly(createReadStream(join(folder, path), { highWaterMark: 64 * 1024 })),
    }
  }
}
