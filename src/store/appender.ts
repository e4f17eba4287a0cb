import type { FileHandle } from 'node:fs/promises'
import { TsbuildError, hasErrno } from '../base/errors.ts'

/** Collects what is appended to a file: a connection gives 64 KiB at a time, and a trip to the thread pool costs more than its hash. */
export interface Appender {
  /** Keeps the chunk until there is enough. STORE_FULL may be about earlier ones. */
  append(chunk: Uint8Array): Promise<void>
  /** STORE_FULL. */
  flush(): Promise<void>
  /** Forgets what was not written yet. */
  drop(): void
}

/** Bytes and chunks that are written at once; a process that is killed loses no more. */
const writeSize = 256 * 1024
const writeChunks = 64

/** `file` is opened for appending. */
export function createAppender(file: FileHandle): Appender {
  let held: Uint8Array[] = []
  let bytes = 0

  function take(): readonly Uint8Array[] {
    const chunks = held
    held = []
    bytes = 0
    return chunks
  }
  async function flush(): Promise<void> {
    await writeAll(file, take())
  }

  return {
    flush,
    drop: () => void take(),
    async append(chunk) {
      held.push(chunk)
      bytes += chunk.byteLength
      if (bytes >= writeSize || held.length >= writeChunks) await flush()
    },
  }
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  try {
    for (let rest = chunks; rest.length > 0;) {
      const { bytesWritten } = await file.writev(rest)
      rest = after(rest, bytesWritten)
    }
  } catch (error) {
    if (hasErrno(error, 'ENOSPC', 'EDQUOT'))
      throw new TsbuildError('STORE_FULL', 'Cannot write to the store: no space is left', { cause: error })
    throw error
  }
}

/** What is left of a list of chunks behind its first `bytes`. */
function after(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let start = bytes
  return chunks.flatMap((chunk) => {
    const left = chunk.subarray(start)
    start = Math.max(0, start - chunk.byteLength)
    return left.byteLength === 0 ? [] : [left]
  })
}
