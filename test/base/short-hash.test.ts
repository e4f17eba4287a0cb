import { expect, it } from 'vitest'
import { shortHash } from '../../src/base/short-hash.ts'

// Vectors of the FNV authors.
it.for([
  ['', '811c9dc5'],
  ['a', 'e40c292c'],
  ['foobar', 'bf9cf968'],
] as const)('%j is %s', ([text, want]) => {
  expect(shortHash(text)).toBe(want)
})
