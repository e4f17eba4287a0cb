import type { FileHandle } from 'node:fs/promises'
import { TsbuildError, hasErrno } from '../base/errors.ts'

/** Collects what is appended to a file: a connection gives 64 KiB at a time, and a trip to the thread pool costs more than its hash. */
export interface Appender {
  /** Copies the chunk; writes when there is enough. STORE_FULL may be about earlier ones. */
  append(chunk: Uint8Array): Promise<void>
  /** STORE_FULL. */
  flush(): Promise<void>
  /** Forgets what was not written yet. */
  drop(): void
}

/** Bytes that are written at once; a process that is killed loses no more. */
const writeSize = 256 * 1024

/** `file` is opened for appending. */
export function createAppender(file: FileHandle): Appender {
  let room: Buffer | undefined
  let used = 0

  async function flush(): Promise<void> {
    if (room === undefined) return
    const content = room.subarray(0, used)
    used = 0
    await writeAll(file, content)
  }

  return {
    flush,
    drop() {
      used = 0
    },
    async append(chunk) {
      room ??= Buffer.allocUnsafeSlow(writeSize)
      for (let rest = chunk; rest.byteLength > 0;) {
        const part = rest.subarray(0, writeSize - used)
        room.set(part, used)
        used += part.byteLength
        rest = rest.subarray(part.byteLength)
        if (used === writeSize) await flush()
      }
    },
  }
}

async function writeAll(file: FileHandle, content: Uint8Array): Promise<void> {
  try {
    for (let rest = content; rest.byteLength > 0;) {
      const { bytesWritten } = await file.write(rest)
      rest = rest.subarray(bytesWritten)
    }
  } catch (error) {
    if (hasErrno(error, 'ENOSPC', 'EDQUOT'))
      throw new TsbuildError('STORE_FULL', 'Cannot write to the store: no space is left', { cause: error })
    throw error
  }
}
