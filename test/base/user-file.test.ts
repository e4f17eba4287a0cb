import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openUserFile, readUserFile, writeUserFile } from '../../src/base/user-file.ts'

async function withPipe(use: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-pipe-'))
  try {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    await use(path)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

it('waits for the other end of a pipe until the signal', async () => {
  await withPipe(async (path) => {
    for (const wait of [readUserFile, (_: string, signal: AbortSignal) => writeUserFile(path, 'x', signal)]) {
      const stop = new AbortController()
      const waiting = wait(path, stop.signal)
      setImmediate(() => stop.abort())
      await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' })
    }
  })
})

it('a reader and a writer of the same pipe find each other', async () => {
  await withPipe(async (path) => {
    const { signal } = new AbortController()
    const text = 'x'.repeat(300_000)
    const [read] = await Promise.all([readUserFile(path, signal), writeUserFile(path, text, signal)])
    expect(read.toString()).toBe(text)
    const stream = await openUserFile(path, { signal, highWaterMark: 1024 })
    const [pieces] = await Promise.all([stream.toArray(), writeUserFile(path, text, signal)])
    expect(Buffer.concat(pieces as Buffer[]).toString()).toBe(text)
  })
})
