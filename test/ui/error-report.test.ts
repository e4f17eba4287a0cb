import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { errorRecord, errorText } from '../../src/ui/error-report.ts'
import { createStyle } from '../../src/ui/style.ts'

const plain = createStyle(false)

describe('errorText', () => {
  it('shows message, code, excerpt, causes and hint in this order', () => {
    const cause = new Error('connect ECONNREFUSED', { cause: new Error('deep') })
    const error = new TsbuildError('BLOB_MISSING', 'Cannot build "x"', {
      cause,
      hint: 'Pull it',
      details: { excerpt: 'Dockerfile:3:6\n   3 | COPY a b' },
    })
    expect(errorText(error, plain, false)).toBe(
      [
        'ERROR Cannot build "x" [BLOB_MISSING]',
        'Dockerfile:3:6',
        '   3 | COPY a b',
        '  cause: connect ECONNREFUSED',
        '  cause: deep',
        '  hint: Pull it',
      ].join('\n'),
    )
  })

  it('shows what was found together with it in the same form', () => {
    const others = [
      { message: 'Two\u001B[2J', excerpt: 'Dockerfile:4:1\n> 4 | b', hint: 'Mend it' },
      { message: 'Three' },
    ]
    const error = new TsbuildError('DOCKERFILE_INVALID', 'One', { hint: 'Do it', details: { others } })
    expect(errorText(error, plain, false)).toBe(
      [
        'ERROR One [DOCKERFILE_INVALID]',
        '  hint: Do it',
        'ERROR Two\\u001b[2J [DOCKERFILE_INVALID]',
        'Dockerfile:4:1',
        '> 4 | b',
        '  hint: Mend it',
        'ERROR Three [DOCKERFILE_INVALID]',
      ].join('\n'),
    )
  })

  it('a cause that the message repeats is not said twice', () => {
    const error = new TsbuildError('FILE_UNREADABLE', 'Cannot read "x": no such file', {
      cause: new Error('no such file'),
    })
    expect(errorText(error, plain, false)).toBe('ERROR Cannot read "x": no such file [FILE_UNREADABLE]')
  })

  it('a defect says so, and shows its stack only when asked', () => {
    const defect = new TypeError('x is undefined')
    expect(errorText(defect, plain, false)).toBe(
      'ERROR x is undefined [INTERNAL]\n  hint: This is a defect of tsbuild; --debug shows where it happened',
    )
    expect(errorText(defect, plain, true)).toContain('error-report.test.ts')
  })

  it('the first error comes before those of cleaning up', () => {
    const both = new SuppressedError(new Error('second'), new TsbuildError('USAGE', 'first'))
    expect(errorText(both, plain, false)).toMatch(/^ERROR first \[USAGE\]\nthen, while cleaning up:\nERROR second/)
  })

  it('neither escapes nor credentials of others reach the terminal', () => {
    const error = new Error('answered \u001b[2J from https://user:pass@example.com/?token=abc')
    const text = errorText(error, plain, true)
    expect(text).not.toContain('\u001b')
    expect(text).not.toContain('pass')
    expect(text).not.toContain('abc')
  })
})

it('errorRecord is what programs read', () => {
  const error = new TsbuildError('BLOB_MISSING', 'Cannot x', {
    hint: 'Do y',
    details: { digest: 'sha256:1' },
    cause: new Error('z'),
  })
  expect(errorRecord(error)).toEqual({
    level: 'error',
    code: 'BLOB_MISSING',
    kind: 'notFound',
    message: 'Cannot x',
    hint: 'Do y',
    details: { digest: 'sha256:1' },
    causes: ['z'],
  })
  expect(errorRecord('text')).toMatchObject({ code: 'INTERNAL', message: 'text' })
})
