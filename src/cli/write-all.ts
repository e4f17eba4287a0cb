import type { OutputStream } from '../ui/terminal.ts'

/** Resolves when the kernel has taken the bytes: the exit of the process does not wait for what a full pipe has not. */
export function writeAll(stream: OutputStream, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}
