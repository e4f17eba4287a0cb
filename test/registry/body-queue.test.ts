import { expect, it } from 'vitest'
import { createBodyQueue } from '../../src/registry/transport/body-queue.ts'
import type { BodyQueue } from '../../src/registry/transport/body-queue.ts'

const chunk = (fill: number): Uint8Array => Buffer.alloc(50_000, fill)

function queueWithLog(): { readonly queue: BodyQueue; readonly log: string[] } {
  const log: string[] = []
  const note = (what: string) => () => void log.push(what)
  const queue = createBodyQueue({
    idle: 100_000,
    minimum: 1,
    pause: note('pause'),
    resume: note('resume'),
    stop: note('stop'),
    stalled: note('stalled'),
  })
  return { queue, log }
}

it('the connection pauses for a slow reader and goes on when it has caught up', async () => {
  const { queue, log } = queueWithLog()
  for (let count = 0; count < 8; count += 1) queue.push(chunk(count))
  expect(log).toEqual(['pause'])
  const reader = queue.lent[Symbol.asyncIterator]()
  let read = 0
  while (log.length === 1) read += (await reader.next()).value!.byteLength
  expect(log).toEqual(['pause', 'resume'])
  expect(read).toBeGreaterThan(100_000)
  await reader.return!()
  expect(log).toEqual(['pause', 'resume', 'stop'])
})

it('what ends while it is paused lets the connection go: it may carry another answer by then', async () => {
  const { queue, log } = queueWithLog()
  for (let count = 0; count < 8; count += 1) queue.push(chunk(count))
  queue.end()
  expect(log).toEqual(['pause', 'resume'])
  let read = 0
  for await (const part of queue.lent) read += part.byteLength
  expect(read).toBe(400_000)
  expect(log).toEqual(['pause', 'resume'])
})

it('a chunk may be overwritten once it was pushed, and what is read is in order', async () => {
  const { queue } = queueWithLog()
  const one = Buffer.alloc(50_000)
  const parts: Uint8Array[] = []
  const reading = (async () => {
    for await (const part of queue.body) parts.push(part)
  })()
  for (let count = 0; count < 40; count += 1) {
    queue.push(one.fill(count))
    if (count % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  one.fill(99)
  queue.end()
  await reading
  const expected = Buffer.concat(Array.from({ length: 40 }, (_, count) => chunk(count)))
  expect(Buffer.concat(parts).equals(expected)).toBe(true)
})

it('what came before a failure is read first', async () => {
  const { queue } = queueWithLog()
  queue.push(chunk(1))
  queue.fail(new Error('lost'))
  const reader = queue.lent[Symbol.asyncIterator]()
  expect((await reader.next()).value?.byteLength).toBe(50_000)
  await expect(reader.next()).rejects.toThrow('lost')
})
