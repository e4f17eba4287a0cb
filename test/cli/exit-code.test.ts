import { expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { exitCodeOf } from '../../src/cli/exit-code.ts'

it.for([
  ['USAGE', undefined, 2],
  ['COMMAND_UNKNOWN', undefined, 2],
  ['USAGE', 'run', 125],
  ['USAGE', 'exec', 2],
  ['BLOB_MISSING', undefined, 1],
  ['BLOB_MISSING', 'run', 125],
  ['BLOB_MISSING', 'exec', 1],
  ['CANCELLED', undefined, 130],
  ['CANCELLED', 'run', 130],
  ['EXEC_NOT_FOUND', 'run', 127],
  ['EXEC_NOT_FOUND', 'exec', 127],
  ['EXEC_NOT_FOUND', undefined, 1],
  ['EXEC_DENIED', 'run', 126],
] as const)('%s of %s ends with %i', ([code, failure, status]) => {
  expect(exitCodeOf(new TsbuildError(code, 'x'), failure)).toBe(status)
})

it('a defect ends with 1, and with 125 where other numbers belong to the container', () => {
  expect(exitCodeOf(new Error('x'), undefined)).toBe(1)
  expect(exitCodeOf('x', 'run')).toBe(125)
})
