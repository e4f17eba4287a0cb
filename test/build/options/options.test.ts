import { describe, expect, it } from 'vitest'
import { parseBuildArgs, parseBuildContext, parseLabels } from '../../../src/build/options/context-option.ts'
import { parseSecret } from '../../../src/build/options/secret-option.ts'

const place = { cwd: '/w', env: (name: string) => ({ HAVE: 'x' })[name] }

describe('--secret', () => {
  it.for<[string, string, object]>([
    ['id=a,src=f', 'a', { kind: 'file', path: '/w/f' }],
    ['id=a,source=/f', 'a', { kind: 'file', path: '/f' }],
    ['type=file,id=a', 'a', { kind: 'file', path: '/w/a' }],
    ['id=a', 'a', { kind: 'file', path: '/w/a' }],
    ['id=HAVE', 'HAVE', { kind: 'env', name: 'HAVE' }],
    ['id=a,env=B', 'a', { kind: 'env', name: 'B' }],
    ['type=env,id=a', 'a', { kind: 'env', name: 'a' }],
    ['type=env,id=a,src=B', 'a', { kind: 'env', name: 'B' }],
    ['"id=a,b",src=f', 'a,b', { kind: 'file', path: '/w/f' }],
  ])('%s', ([text, id, source]) => {
    expect(parseSecret(text, place)).toEqual([id, source])
  })

  it.for(['', 'src=f', 'id=', 'id=a,sorce=f', 'id=a,type=x', '"id=a'])('refuses %j', (text) => {
    expect(() => parseSecret(text, place)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('names and values', () => {
  it('takes build arguments without value from the environment', () => {
    const args = parseBuildArgs(['A=1=2', 'HAVE', 'MISSING', 'E='], place.env)
    expect([...args]).toEqual([
      ['A', '1=2'],
      ['HAVE', 'x'],
      ['E', ''],
    ])
  })

  it('takes SOURCE_DATE_EPOCH from the environment, unless it is given', () => {
    const env = (name: string): string | undefined => (name === 'SOURCE_DATE_EPOCH' ? '7' : undefined)
    expect(parseBuildArgs([], env).get('SOURCE_DATE_EPOCH')).toBe('7')
    expect(parseBuildArgs(['SOURCE_DATE_EPOCH=8'], env).get('SOURCE_DATE_EPOCH')).toBe('8')
  })

  it('reads labels and contexts', () => {
    expect(parseLabels(['a=b=c', 'd'])).toEqual({ a: 'b=c', d: '' })
    expect(parseBuildContext('Name=./x')).toEqual(['name', './x'])
    for (const text of ['=x', 'a', 'a=']) {
      expect(() => parseBuildContext(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
    }
  })
})
