import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readLog } from '../../src/container/log-reader.ts'
import type { LogOptions } from '../../src/container/log-reader.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsbuild-log-'))
  path = join(folder, 'container.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const start = Date.parse('2026-01-02T03:04:05Z')
const line = (number: number): string =>
  `${JSON.stringify({ log: `${number}\n`, stream: number % 2 === 0 ? 'stdout' : 'stderr', time: new Date(start + number * 1000).toISOString() })}\n`
const lines = (first: number, last: number): string =>
  Array.from({ length: last - first + 1 }, (_, index) => line(first + index)).join('')

async function read(options: Partial<LogOptions> = {}): Promise<readonly number[]> {
  const entries = await Array.fromAsync(readLog(path, { signal: new AbortController().signal, ...options }))
  return entries.map(({ log }) => Number(log))
}

/** As the monitor does it: the oldest goes, every other gets the next number, a new file is begun. */
function rotate(files: number): void {
  for (let number = files; number >= 1; number -= 1) {
    const from = number === 1 ? path : `${path}.${number - 1}`
    try {
      renameSync(from, `${path}.${number}`)
    } catch {
      // Not so many files yet.
    }
  }
  writeFileSync(path, '')
}

/** As the monitor compresses: the header's extra field names the inode of the original. */
function pack(number: number): void {
  const plain = `${path}.${number}`
  const body = gzipSync(readFileSync(plain))
  const extra = Buffer.alloc(14)
  extra.writeUInt16LE(12, 0)
  extra.write('TS\u0008\0', 2, 'latin1')
  extra.writeBigUInt64LE(statSync(plain, { bigint: true }).ino, 6)
  const header = Buffer.from(body.subarray(0, 10))
  header[3] = 4
  writeFileSync(`${plain}.gz`, Buffer.concat([header, extra, body.subarray(10)]))
  rmSync(plain)
}

function rotatePacked(number: number): void {
  renameSync(`${path}.${number}.gz`, `${path}.${number + 1}.gz`)
}

describe('what is there', () => {
  it('nothing, when nothing was written', async () => {
    expect(await read()).toEqual([])
    expect(await read({ tail: 5 })).toEqual([])
  })

  it('rotated files come first, oldest first', async () => {
    writeFileSync(`${path}.2`, lines(0, 1))
    writeFileSync(`${path}.1`, lines(2, 3))
    writeFileSync(path, lines(4, 5))
    expect(await read()).toEqual([0, 1, 2, 3, 4, 5])
  })

  it.for([
    [0, []],
    [1, [5]],
    [2, [4, 5]],
    [3, [3, 4, 5]],
    [100, [0, 1, 2, 3, 4, 5]],
  ] as const)('the last %i', async ([tail, want]) => {
    writeFileSync(`${path}.2`, lines(0, 1))
    writeFileSync(`${path}.1`, lines(2, 3))
    writeFileSync(path, lines(4, 5))
    expect(await read({ tail })).toEqual(want)
  })

  it('a range of time', async () => {
    writeFileSync(path, lines(0, 9))
    expect(await read({ since: new Date(start + 3000), until: new Date(start + 5000) })).toEqual([3, 4, 5])
    expect(await read({ since: new Date(start + 3000), tail: 2 })).toEqual([8, 9])
  })

  it('compressed files are read as the others', async () => {
    writeFileSync(`${path}.2`, lines(0, 1))
    writeFileSync(`${path}.1`, lines(2, 3))
    writeFileSync(path, lines(4, 5))
    pack(2)
    expect(await read()).toEqual([0, 1, 2, 3, 4, 5])
    pack(1)
    expect(await read()).toEqual([0, 1, 2, 3, 4, 5])
    expect(await read({ tail: 3 })).toEqual([3, 4, 5])
    // A crash came before the original was removed.
    writeFileSync(`${path}.1`, lines(2, 3))
    expect(await read()).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('a line that a crash cut short is left out', async () => {
    writeFileSync(`${path}.1`, `${lines(0, 1)}{"log":"2\\n","str`)
    writeFileSync(path, `{"log\n${lines(3, 4)}`)
    expect(await read()).toEqual([0, 1, 3, 4])
  })
})

describe('following', () => {
  it('goes on until the container ends, and then to the last line', async () => {
    writeFileSync(path, lines(0, 1))
    const ended = Promise.withResolvers<void>()
    const reading = read({ follow: ended.promise })
    await sleep(60)
    appendFileSync(path, line(2).slice(0, 10))
    await sleep(60)
    appendFileSync(path, line(2).slice(10) + line(3))
    ended.resolve()
    expect(await reading).toEqual([0, 1, 2, 3])
  })

  it('tells of what is there first, then of what comes', async () => {
    writeFileSync(path, lines(0, 9))
    const ended = Promise.withResolvers<void>()
    const seen: number[] = []
    const reading = (async () => {
      const { signal } = new AbortController()
      for await (const { log } of readLog(path, { signal, tail: 2, follow: ended.promise })) seen.push(Number(log))
    })()
    await vi.waitFor(() => expect(seen).toEqual([8, 9]), 60_000)
    appendFileSync(path, line(10))
    ended.resolve()
    await reading
    expect(seen).toEqual([8, 9, 10])
  })

  it('loses no line and tells none twice while the log is rotated', async () => {
    const files = 4
    const total = 3000
    writeFileSync(path, '')
    const ended = Promise.withResolvers<void>()
    let begun = 0
    const reading = read({ follow: ended.promise, reading: () => (begun += 1) })
    for (let number = 0; number < total; number += 1) {
      appendFileSync(path, line(number))
      if (number % 250 === 249) {
        // As the monitor: what the reader has not begun is not taken away.
        const rotated = (number + 1) / 250 - 1
        await vi.waitFor(() => expect(begun).toBeGreaterThan(rotated - files + 1), 60_000)
        rotate(files)
      }
    }
    ended.resolve()
    expect(await reading).toEqual(Array.from({ length: total }, (_, index) => index))
  })

  it('keeps its place when the file that it reads is compressed', async () => {
    writeFileSync(path, lines(0, 1))
    const ended = Promise.withResolvers<void>()
    const [inodes, lost] = [[] as bigint[], vi.fn()]
    const reading = read({ follow: ended.promise, reading: (inode) => inodes.push(inode), lost })
    await vi.waitFor(() => expect(inodes).toEqual([statSync(path, { bigint: true }).ino]), 60_000)
    rotate(2)
    writeFileSync(path, lines(2, 3))
    pack(1)
    rotatePacked(1)
    rotate(1)
    writeFileSync(path, lines(4, 5))
    ended.resolve()
    expect(await reading).toEqual([0, 1, 2, 3, 4, 5])
    expect(inodes).toHaveLength(3)
    expect(lost).not.toHaveBeenCalled()
  })

  it('tells when files went before they were read', async () => {
    writeFileSync(path, lines(0, 1))
    const ended = Promise.withResolvers<void>()
    const [began, lost] = [vi.fn(), vi.fn()]
    const reading = read({ follow: ended.promise, reading: began, lost })
    await vi.waitFor(() => expect(began).toHaveBeenCalledTimes(1), 60_000)
    writeFileSync(`${path}.new`, lines(6, 7))
    renameSync(`${path}.new`, path)
    ended.resolve()
    expect(await reading).toEqual(expect.arrayContaining([6, 7]))
    expect(lost).toHaveBeenCalledTimes(1)
  })

  it('ends with the signal', async () => {
    writeFileSync(path, line(0))
    const stop = new AbortController()
    const reading = read({ follow: new Promise(() => {}), signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 30)
    await expect(reading).rejects.toThrow()
  })
})
