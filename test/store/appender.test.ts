import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createAppender } from '../../src/store/appender.ts'

const chunk = (size: number, fill: number): Uint8Array => Buffer.alloc(size, fill)

/** A file that takes at most `most` bytes at once and counts how often it is asked. */
function slowFile(file: FileHandle, most: number): { readonly file: FileHandle; readonly calls: () => number } {
  let calls = 0
  const write = async (bytes: Uint8Array): Promise<{ readonly bytesWritten: number }> => {
    calls += 1
    return file.write(bytes.subarray(0, most))
  }
  return { file: { write } as unknown as FileHandle, calls: () => calls }
}

it('writes all in order, in few calls, also when the file takes less at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-appender-'))
  await using file = await open(join(folder, 'x'), 'a')
  for (const most of [1_000_000, 100_000, 77]) {
    await file.truncate(0)
    const slow = slowFile(file, most)
    const appender = createAppender(slow.file)
    const chunks = [chunk(10, 1), chunk(65_536, 2), chunk(0, 3), chunk(3, 4), chunk(7000, 5)]
    for (const one of chunks) await appender.append(one)
    expect(slow.calls()).toBe(0)
    await appender.flush()
    expect(Buffer.concat(chunks).equals(await readFile(join(folder, 'x')))).toBe(true)
    if (most === 1_000_000) expect(slow.calls()).toBe(1)
  }
  await rm(folder, { recursive: true })
})

it('never holds much', async () => {
  await using file = await open('/dev/null', 'a')
  const slow = slowFile(file, 1_000_000)
  const appender = createAppender(slow.file)
  for (let count = 0; count < 8; count += 1) await appender.append(chunk(65_536, 1))
  expect(slow.calls()).toBe(2)
  await appender.append(chunk(1_000_000, 1))
  expect(slow.calls()).toBe(5)
})

it('a chunk may be overwritten once it was appended', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-appender-'))
  await using file = await open(join(folder, 'x'), 'a')
  const appender = createAppender(file)
  const one = chunk(100_000, 0)
  for (let count = 1; count <= 5; count += 1) await appender.append(one.fill(count))
  one.fill(9)
  await appender.flush()
  const expected = Buffer.concat([1, 2, 3, 4, 5].map((fill) => chunk(100_000, fill)))
  expect(expected.equals(await readFile(join(folder, 'x')))).toBe(true)
  await rm(folder, { recursive: true })
})

it('a full disk is STORE_FULL', async () => {
  await using file = await open('/dev/full', 'a')
  const appender = createAppender(file)
  await appender.append(chunk(10, 1))
  await expect(appender.flush()).rejects.toMatchObject({ code: 'STORE_FULL' })
  await appender.append(chunk(10, 1))
  appender.drop()
  await appender.flush()
})
