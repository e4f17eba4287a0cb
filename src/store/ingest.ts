import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import type { TsbuildError } from '../base/errors.ts'
import { createAppender } from './appender.ts'
import { digestAlgorithm } from '../oci/digest.ts'
import type { Descriptor } from '../oci/types.ts'
import type { Ingest } from './content.ts'
import { digestMismatch, sizeMismatch } from './faults.ts'

/**
 * Opens the partial file at `path`, hashing what an earlier writer left there: a hash cannot be resumed, and what a crash left
 * must not be believed. `claim` is released when the ingest is disposed; `reveal` gives the complete file its place.
 */
export async function openIngest(
  path: string,
  want: Pick<Descriptor, 'digest' | 'size'>,
  claim: Disposable,
  reveal: (path: string) => Promise<void>,
): Promise<Ingest> {
  await using stack = new AsyncDisposableStack()
  stack.use(claim)
  const file = await open(path, 'a+', 0o600)
  stack.defer(() => file.close())

  const algorithm = digestAlgorithm(want.digest)
  let hash = createHash(algorithm)
  let offset = await hashFile(path, hash)
  const appender = createAppender(file)
  // What cannot be written then is only asked for again.
  stack.defer(() => appender.flush().catch(() => undefined))
  async function restart(): Promise<void> {
    appender.drop()
    await file.truncate(0)
    hash = createHash(algorithm)
    offset = 0
  }
  if (offset > want.size) await restart()

  const owned = stack.move()
  return {
    get offset() {
      return offset
    },
    restart,
    async write(chunk) {
      if (offset + chunk.byteLength > want.size) throw sizeMismatch(want.digest, want.size, offset + chunk.byteLength)
      hash.update(chunk)
      offset += chunk.byteLength
      await appender.append(chunk)
    },
    async commit() {
      const fault = verdict(hash, algorithm, want, offset)
      if (fault !== undefined) {
        await rm(path, { force: true })
        throw fault
      }
      await appender.flush()
      await file.sync()
      await reveal(path)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function hashFile(path: string, hash: Hash): Promise<number> {
  let size = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Uint8Array)
    size += (chunk as Uint8Array).byteLength
  }
  return size
}

function verdict(
  hash: Hash,
  algorithm: string,
  want: Pick<Descriptor, 'digest' | 'size'>,
  size: number,
): TsbuildError | undefined {
  if (size !== want.size) return sizeMismatch(want.digest, want.size, size)
  const have = `${algorithm}:${hash.digest('hex')}`
  return have === want.digest ? undefined : digestMismatch(want.digest, have)
}
