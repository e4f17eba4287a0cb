import { expect, it } from 'vitest'
import { decodeFrames, encodeFrame } from '../../src/container/monitor-frames.ts'

async function decode(chunks: readonly Uint8Array[]): Promise<readonly string[]> {
  const source = (async function* () {
    yield* chunks
  })()
  const frames = await Array.fromAsync(decodeFrames(source), ({ type, payload }) => `${type}:${payload.toString()}`)
  return frames
}

const stream = Buffer.concat([
  encodeFrame(1, Buffer.from('hello')),
  encodeFrame(2, Buffer.from('')),
  encodeFrame(4, Buffer.from('{"exitCode":0}')),
])
const want = ['1:hello', '2:', '4:{"exitCode":0}']

it('a frame is type, three zeros, the length, the payload', () => {
  expect([...encodeFrame(3, Buffer.from('ab'))]).toEqual([3, 0, 0, 0, 0, 0, 0, 2, 97, 98])
})

it('are the same however the stream is cut', async () => {
  for (let size = 1; size <= stream.byteLength; size += 1) {
    const chunks = Array.from({ length: Math.ceil(stream.byteLength / size) }, (_, index) =>
      stream.subarray(index * size, (index + 1) * size),
    )
    expect(await decode(chunks)).toEqual(want)
  }
})

it('one that the end cuts short is dropped', async () => {
  expect(await decode([stream.subarray(0, stream.byteLength - 1)])).toEqual(want.slice(0, 2))
})
