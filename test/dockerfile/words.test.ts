import { expandWord, expandWords } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { tableRows } from './helpers/fixture.ts'

const environment = new Map([
  ['HOME', '/root'],
  ['USER', 'ada'],
  ['EMPTY', ''],
  ['LIST', 'one two  three'],
  ['FILE', 'dir/sub/archive.tar.gz'],
  ['STARS', 'a*b?c*d'],
  ['URL', 'https://example.com/a/b'],
  ['NAMÉ', 'ü'],
  ['QUOTE', `it's "x"`],
  ['DOLLAR', '$USER'],
  ['LINES', 'ab\ncab'],
])

describe('expandWord', () => {
  it.for(tableRows('words/expand.txt'))('%s', ([input = '', expected = '']) => {
    const { value, error } = expandWord(input, environment)
    expect(error === undefined ? value : `! ${error.message}`).toBe(expected)
  })

  it('says which names were set and which were not', () => {
    const { used, unset } = expandWord('$HOME ${EMPTY:-$NO} ${OTHER-x} ${HOME+$USER}', environment)
    expect({ used, unset }).toEqual({ used: ['HOME', 'EMPTY', 'USER'], unset: ['NO', 'OTHER'] })
  })

  it('gives the place of an error inside the word', () => {
    expect(expandWord('ab${HOME:0}c', environment).error).toMatchObject({ code: 'EXPANSION_FAILED', start: 2, end: 11 })
  })

  it('escapes with a backtick when told so', () => {
    expect(expandWord('`$HOME \\$HOME', environment, { escape: '`' }).value).toBe('$HOME \\/root')
  })

  it('leaves quotes alone in heredoc contents', () => {
    expect(expandWord(`it's "$USER" \\$USER`, environment, { literalQuotes: true }).value).toBe(`it's "ada" $USER`)
  })

  it('keeps quotes and unset variables for display', () => {
    expect(expandWord(`echo "$NOPE" '$USER' $USER`, environment, { keepQuotes: true, keepUnset: true }).value).toBe(
      `echo "$NOPE" '$USER' ada`,
    )
  })

  it('does not see properties of objects as variables', () => {
    const { value, unset } = expandWord('${constructor}${__proto__}', new Map())
    expect({ value, unset }).toEqual({ value: '', unset: ['constructor', '__proto__'] })
  })

  it('refuses results that grow without measure', () => {
    const big = new Map([['A', 'x'.repeat(1 << 20)]])
    const { value, error } = expandWord('$A'.repeat(20), big)
    expect({ value, code: error?.code }).toEqual({ value: '', code: 'EXPANSION_FAILED' })
  })

  it('refuses expressions that are nested too deep', () => {
    const deep = '${A:-'.repeat(5000) + '}'.repeat(5000)
    expect(expandWord(deep, new Map()).error?.code).toBe('EXPANSION_FAILED')
  })

  it('refuses a pattern whose work would be too much', () => {
    const value = new Map([['A', 'a'.repeat(1 << 16)]])
    expect(expandWord(`\${A//${'a?'.repeat(1 << 14)}b/}`, value).error?.code).toBe('EXPANSION_FAILED')
  })
})

describe('expandWords', () => {
  it.for(tableRows('words/split.txt'))('%s', ([input = '', ...expected]) => {
    const { words, error } = expandWords(input, environment)
    const wanted = expected.filter((cell) => cell !== '')
    expect(error === undefined ? words : [`! ${error.message}`]).toEqual(wanted)
  })
})
