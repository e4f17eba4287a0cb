import { describe, expect, it } from 'vitest'
import { newContainerId, refuseVague } from '../../src/container/container-id.ts'
import { checkName, randomName } from '../../src/container/container-name.ts'

describe('ids', () => {
  it('are 64 hex digits whose short form is no number', () => {
    let attempt = 0
    const random = (): Buffer => Buffer.alloc(32, attempt++ === 0 ? 0x12 : 0xab)
    expect(newContainerId(random)).toBe('ab'.repeat(32))
    expect(newContainerId()).toMatch(/^[0-9a-f]{64}$/)
  })

  it.for(['1', '12', 'ab', '123456', ''])('"%s" is too vague for what cannot be undone', (word) => {
    expect(() => refuseVague(word)).toThrow(expect.objectContaining({ code: 'ID_TOO_SHORT' }))
  })

  it.for(['abc', '1a2', 'web'])('"%s" will do', (word) => {
    expect(refuseVague(word)).toBeUndefined()
  })
})

describe('names', () => {
  it('are an adjective and a noun, with a digit where the store is crowded', () => {
    expect(randomName(0)).toMatch(/^[a-z]+_[a-z]+$/)
    expect(randomName(2)).toMatch(/^[a-z]+_[a-z]+\d$/)
    expect(randomName(0, () => 0)).toBe(randomName(1, () => 0))
  })

  it.for([
    ['web', 'web'],
    ['/web', 'web'],
    ['a.b-c_1', 'a.b-c_1'],
  ])('%s is %s', ([text, name]) => {
    expect(checkName(text!)).toBe(name)
  })

  it.for(['', 'a', '-a', 'a b', 'a/b', 'ä1'])('refuses "%s"', (text) => {
    expect(() => checkName(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})
