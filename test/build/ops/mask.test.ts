import { describe, expect, it } from 'vitest'
import { createMask } from '../../../src/build/ops/mask.ts'

function masked(secrets: readonly string[], chunks: readonly string[]): string {
  let out = ''
  const stream = createMask(secrets.map((secret) => Buffer.from(secret)))(
    (data) => (out += Buffer.from(data).toString()),
  )
  for (const chunk of chunks) stream.write(Buffer.from(chunk))
  stream.flush()
  return out
}

describe('createMask', () => {
  it.for<[string, readonly string[], readonly string[], string]>([
    ['a secret', ['hunter2'], ['pw hunter2!'], 'pw ****!'],
    ['a secret cut by chunks', ['hunter2'], ['pw hun', 'te', 'r2!'], 'pw ****!'],
    ['the beginning of a secret that is none', ['hunter2'], ['hunt', 'ing'], 'hunting'],
    ['the longer of two', ['secret', 'secretive'], ['a secretive b secret'], 'a **** b ****'],
    ['the lines of a file', ['line one\nline two\n'], ['x line two'], 'x ****'],
    ['not what is too short', ['abc'], ['abcdef'], 'abcdef'],
    ['nothing without secrets', [], ['as it is'], 'as it is'],
  ])('hides %s', ([, secrets, chunks, expected]) => {
    expect(masked(secrets, chunks)).toBe(expected)
  })

  it('holds nothing back that cannot become a secret', () => {
    const seen: string[] = []
    const stream = createMask([Buffer.from('hunter2')])((data) => void seen.push(Buffer.from(data).toString()))
    stream.write(Buffer.from('prompt> '))
    expect(seen).toEqual(['prompt> '])
  })
})
