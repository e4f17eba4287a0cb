import { expect, it } from 'vitest'
import { canonicalJson } from '../../src/base/canonical-json.ts'

it('gives equal values equal bytes', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}')
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}')
})

it('refuses numbers that JSON cannot carry', () => {
  expect(() => canonicalJson({ a: [Number.NaN] })).toThrow(RangeError)
})
