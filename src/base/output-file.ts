import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { TsbuildError } from './errors.ts'
import { isWrittenInPlace, openPipeEnd } from './user-file.ts'

/** A file that is written for the user: it gets its name only when `keep` is called; else nothing is left. */
export interface OutputFile extends AsyncDisposable {
  readonly stream: Writable
  keep(): Promise<void>
}

/** Devices and pipes are written directly, a pipe once it is read. Error: FILE_UNREADABLE where the file cannot be made; CANCELLED. */
export async function openOutputFile(path: string, signal: AbortSignal): Promise<OutputFile> {
  const direct = await isWrittenInPlace(path)
  const pipe = direct ? await openPipeEnd(path, signal) : undefined
  if (pipe !== undefined) return pipeFile(pipe)
  const target = direct ? path : `${path}.${randomBytes(4).toString('hex')}.part`
  const stream = createWriteStream(target, { highWaterMark: 1024 * 1024 })
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve())
    stream.once('error', (cause) => reject(new TsbuildError('FILE_UNREADABLE', `Cannot write "${path}"`, { cause })))
  })
  let kept = direct
  return {
    stream,
    async keep() {
      if (!direct) await rename(target, path)
      kept = true
    },
    async [Symbol.asyncDispose]() {
      stream.destroy()
      if (!kept) await rm(target, { force: true })
    },
  }
}

function pipeFile(stream: Writable): OutputFile {
  stream.on('error', () => {}) // told to whoever writes
  return { stream, keep: async () => {}, [Symbol.asyncDispose]: async () => void stream.destroy() }
}
