import { writeSync } from 'node:fs'
import { hasErrno } from '../base/errors.ts'

/** Pause before another try at a pipe that is full and does not block, in milliseconds. */
const retryPause = 2

/**
 * Writes all of `data` before it returns. When the reader has gone (`tsbuild images | head -1`) there is nothing left to say: `quit` is
 * called with the status of SIGPIPE, as other programs end.
 */
export function writeOutput(descriptor: number, data: string | Uint8Array, quit: (status: number) => never): void {
  let left = typeof data === 'string' ? Buffer.from(data) : data
  while (left.byteLength > 0) {
    try {
      left = left.subarray(writeSync(descriptor, left))
    } catch (error) {
      if (hasErrno(error, 'EPIPE')) quit(141)
      if (!hasErrno(error, 'EAGAIN')) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryPause)
    }
  }
}
