import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface AtomicWriteOptions {
  /** Permission bits of the new file; the umask does not apply. Default 0o644. */
  readonly mode?: number
  /** Flush data and directory to the disk before returning. Default true. */
  readonly sync?: boolean
}

/**
 * Replaces `path` by `content` so that every reader sees the old or the new file, never a part: temporary file beside it,
 * fsync, rename, fsync of the directory. Leaves nothing behind when it fails.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.chmod(options.mode ?? 0o644)
      if (options.sync !== false) await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  if (options.sync !== false) await syncDirectory(dirname(path))
}

/** Makes the names in a directory durable (rename and create are only on disk after this). */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
