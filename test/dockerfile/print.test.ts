import { readFileSync } from 'node:fs'
import { checkDockerfile, decodeSource, encodeSource, parseDockerfile, printDockerfile } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { fixture } from './helpers/fixture.ts'
import { randomBytes, randomDockerfile, randomNumbers } from './helpers/random.ts'

describe('printDockerfile', () => {
  it('gives back any bytes', () => {
    const random = randomNumbers(1)
    for (let round = 0; round < 2000; round++) {
      const bytes = randomBytes(random, 200)
      const parsed = parseDockerfile(bytes)
      expect(Buffer.from(encodeSource(printDockerfile(parsed)))).toEqual(Buffer.from(bytes))
    }
  })

  it('gives back any text made of the pieces of Dockerfiles, and parsing it again gives the same', () => {
    const random = randomNumbers(2)
    for (let round = 0; round < 3000; round++) {
      const text = randomDockerfile(random)
      const parsed = parseDockerfile(text)
      expect(printDockerfile(parsed)).toBe(text)
      expect(parseDockerfile(printDockerfile(parsed))).toEqual(parsed)
    }
  })

  it('covers the file with items that touch each other, and every instruction with its own text', () => {
    const random = randomNumbers(3)
    for (let round = 0; round < 1000; round++) {
      const text = randomDockerfile(random)
      const { items, instructions } = parseDockerfile(text)
      let offset = 0
      for (const { range, text: piece } of items) {
        expect(range.start.offset).toBe(offset)
        offset = range.end.offset
        expect(text.slice(range.start.offset, offset)).toBe(piece)
      }
      expect(offset).toBe(text.length)
      for (const { range, text: piece } of instructions)
        expect(text.slice(range.start.offset, range.end.offset)).toBe(piece)
    }
  })

  it.for(['crlf', 'bom', 'heredocs', 'continuations'])('gives back the fixture %s', (name) => {
    const bytes = readFileSync(fixture(`dockerfiles/${name}/Dockerfile`))
    expect(Buffer.from(encodeSource(printDockerfile(parseDockerfile(bytes))))).toEqual(bytes)
  })
})

describe('decodeSource and encodeSource', () => {
  it('are inverse for any bytes', () => {
    const random = randomNumbers(4)
    for (let round = 0; round < 3000; round++) {
      const bytes = randomBytes(random, 40)
      expect(Buffer.from(encodeSource(decodeSource(bytes)))).toEqual(Buffer.from(bytes))
    }
  })

  it.for([
    ['overlong', [0xc0, 0x80]],
    ['surrogate', [0xed, 0xa0, 0x80]],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['cut off', [0xe2, 0x82]],
    ['lone continuation', [0x80]],
    ['byte order mark', [0xef, 0xbb, 0xbf, 0x41]],
    ['four bytes', [0xf0, 0x9f, 0x90, 0xb3]],
  ] as const)('keep %s', ([, bytes]) => {
    expect([...encodeSource(decodeSource(Uint8Array.from(bytes)))]).toEqual([...bytes])
  })
})

describe('anything at all', () => {
  it('is parsed and checked without an exception, and ranges lie inside the text', () => {
    const random = randomNumbers(5)
    for (let round = 0; round < 2000; round++) {
      const text = round % 2 === 0 ? randomDockerfile(random) : decodeSource(randomBytes(random, 120))
      const parsed = parseDockerfile(text)
      for (const { range } of checkDockerfile(parsed).diagnostics) {
        expect(range.start.offset).toBeGreaterThanOrEqual(0)
        expect(range.end.offset).toBeGreaterThanOrEqual(range.start.offset)
        expect(range.end.offset).toBeLessThanOrEqual(text.length)
        expect(lineOf(text, range.start.offset)).toBe(range.start.line)
        expect(lineOf(text, range.end.offset)).toBe(range.end.line)
      }
    }
  })
})

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}
