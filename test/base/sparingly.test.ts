import { expect, it } from 'vitest'
import { sparingly } from '../../src/base/sparingly.ts'

it('passes on what comes, and ends its source when it is not read to the end', async () => {
  let ended = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (let count = 0; ; count += 1) yield Buffer.alloc(1_000_000, count)
    } finally {
      ended = true
    }
  }
  let read = 0
  for await (const chunk of sparingly(source())) {
    expect(chunk[0]).toBe(read)
    read += 1
    if (read === 40) break
  }
  expect(ended).toBe(true)
  // V8's flag for a collection is set for none but us.
  expect('gc' in globalThis).toBe(false)
})
