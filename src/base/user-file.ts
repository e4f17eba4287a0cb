import { open as openFile, createReadStream, constants } from 'node:fs'
import { lstat, open as openHandle, readFile, stat, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { writeFileAtomic } from './atomic-file.ts'
import { cancelled, hasErrno } from './errors.ts'

/*
 * Files that the user names. Such a name may be a pipe: one of the shell's `<(…)`, or a FIFO whose other end comes later. Node's own calls wait
 * for it in a thread that nothing can interrupt, not even the end of the process; these wait in the event loop, until the signal.
 */

const open = promisify(openFile)

/** How often a reader is looked for: a pipe does not tell its writers of the first one. */
const readerInterval = 50

/** The whole content. Errors are those of `readFile`; CANCELLED. */
export async function readUserFile(path: string, signal: AbortSignal): Promise<Buffer> {
  const pipe = await openPipe(path, signal)
  if (pipe === undefined)
    return await readFile(path, { signal }).catch((error: unknown) => Promise.reject(reason(error, signal)))
  try {
    return await buffer(pipe)
  } catch (error) {
    throw reason(error, signal)
  }
}

/** The content as a stream, in pieces of `highWaterMark`. Errors come from the stream. */
export async function openUserFile(
  path: string,
  { signal, highWaterMark }: { readonly signal: AbortSignal; readonly highWaterMark: number },
): Promise<Readable> {
  return (await openPipe(path, signal)) ?? createReadStream(path, { highWaterMark })
}

/** For what is read at many places: an error for anything but a file, which a pipe would wait for and cannot do. */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const file = await openHandle(path, constants.O_RDONLY | constants.O_NONBLOCK)
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new Error(`"${path}" is not a file`)
}

/** The whole content of a file; an error for anything else. */
export async function readRegularFile(path: string): Promise<Buffer> {
  await using file = await openRegularFile(path)
  return await file.readFile()
}

/** Writes or replaces a file: at once and whole where it is one, else into the device or pipe that it is. */
export async function writeUserFile(path: string, content: string | Uint8Array, signal: AbortSignal): Promise<void> {
  if (!(await isWrittenInPlace(path))) return await writeFileAtomic(path, content)
  const pipe = await openPipeEnd(path, signal)
  if (pipe === undefined) return await writeFile(path, content)
  await new Promise<void>((resolve, reject) => {
    pipe.once('error', (error) => reject(reason(error, signal)))
    pipe.end(content, resolve)
  })
}

/** True for what must not be replaced: devices and pipes, also those that a link leads to (`/dev/stdout`). */
export async function isWrittenInPlace(path: string): Promise<boolean> {
  const present = await lstat(path).catch(() => undefined)
  return present !== undefined && !present.isFile()
}

/** The writing end of a pipe, once somebody reads; undefined for anything else. */
export async function openPipeEnd(path: string, signal: AbortSignal): Promise<Socket | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isFIFO() !== true) return undefined
  for (;;) {
    if (signal.aborted) throw cancelled(signal)
    try {
      const fd = await open(path, constants.O_WRONLY | constants.O_NONBLOCK)
      return new Socket({ fd, readable: false, writable: true, signal })
    } catch (error) {
      if (!hasErrno(error, 'ENXIO')) throw error
      await delay(readerInterval, undefined, { signal }).catch(() => {})
    }
  }
}

async function openPipe(path: string, signal: AbortSignal): Promise<Socket | undefined> {
  if ((await stat(path).catch(() => undefined))?.isFIFO() !== true) return undefined
  const fd = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const socket = new Socket({ fd, readable: true, writable: false })
  const stop = (): void => void socket.destroy(cancelled(signal))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return socket.once('close', () => signal.removeEventListener('abort', stop))
}

function reason(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? cancelled(signal) : error
}
