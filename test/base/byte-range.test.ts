import { expect, it } from 'vitest'
import { byteRange } from '../../src/base/byte-range.ts'

async function* source(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('abc')
  yield Buffer.from('')
  yield Buffer.from('defg')
  yield Buffer.from('h')
}

it.for([
  [0, 8, 'abcdefgh'],
  [0, 3, 'abc'],
  [1, 2, 'b'],
  [2, 5, 'cde'],
  [3, 7, 'defg'],
  [7, 8, 'h'],
  [4, 4, ''],
  [6, 100, 'gh'],
  [100, 200, ''],
] as const)('%i to %i is %s', async ([start, end, want]) => {
  expect(Buffer.concat(await Array.fromAsync(byteRange(source(), start, end))).toString()).toBe(want)
})
