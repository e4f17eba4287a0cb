import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes that do not compress to nothing and are the same in every run (xorshift32). */
export function noise(size: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = seed | 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    // Half of the bits are zero, so that compression has work to do and success at it, as with real layers.
    words[index] = state & 0x0f0f0f0f
  }
  return Buffer.from(words.buffer, 0, size)
}

/** A tree of `count` files, one hundred a directory, of about eight kilobytes each. Gives the path of one file in it. */
export function makeTree(root: string, count: number): string {
  const block = noise(64 * 1024, 7)
  for (let index = 0; index < count; index++) {
    const directory = join(root, `d${Math.floor(index / 10_000)}`, `e${Math.floor(index / 100) % 100}`)
    if (index % 100 === 0) mkdirSync(directory, { recursive: true })
    const size = 1000 + ((index * 7919) % 14_000)
    const start = (index * 131) % (block.length - size)
    const content = Buffer.concat([Buffer.from(`${index}\n`), block.subarray(start, start + size)])
    writeFileSync(join(directory, `f${index}`), content)
  }
  return join(root, 'd0/e0/f0')
}
