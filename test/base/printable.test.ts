import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { printable, printableLine } from '../../src/base/printable.ts'

describe('printable', () => {
  it('shows control characters instead of sending them', () => {
    expect(printable('a\u001b[2Jb\u009b31m\u202ec\u0007\td\n')).toBe('a\\u001b[2Jb\\u009b31m\\u202ec\\u0007\td\n')
    expect(printable('한국어 é 🐳')).toBe('한국어 é 🐳')
  })

  it('joins and cuts lines', () => {
    expect(printableLine('a\r\n\tb ')).toBe('a b')
    expect(printableLine('x'.repeat(50), 10)).toBe(`${'x'.repeat(10)}…`)
  })

  it('holds for every error of ours', () => {
    const error = new TsbuildError('REFERENCE_INVALID', 'Cannot \u001b]0;title\u0007', { hint: '\u001b[31m' })
    expect(error.message).toBe('Cannot \\u001b]0;title\\u0007')
    expect(error.hint).toBe('\\u001b[31m')
  })
})
