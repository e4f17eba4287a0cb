import { expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { redact } from '../../src/base/redact.ts'

it.for([
  ['https://user:secret@host/path', 'https://***@host/path'],
  ['https://token@host', 'https://***@host'],
  ['Authorization: Bearer abcdefgh12345678', 'Authorization: Bearer ***'],
  ['authorization: basic dXNlcjpzZWNyZXQ=', 'authorization: basic ***'],
  ['https://s3/x?X-Amz-Signature=abc&part=1', 'https://s3/x?X-Amz-Signature=***&part=1'],
  ['https://s3/x?part=1&access_token=abc', 'https://s3/x?part=1&access_token=***'],
  ['pull user@host:5000/name:tag', 'pull user@host:5000/name:tag'],
  ['https://host/path?tag=1', 'https://host/path?tag=1'],
] as const)('%s', ([text, safe]) => {
  expect(redact(text)).toBe(safe)
})

it('happens when an error is made', () => {
  const error = new TsbuildError('INTERNAL', 'Cannot read https://a:b@c/', { hint: 'Ask https://d:e@f/' })
  expect(`${error.message} ${error.hint}`).toBe('Cannot read https://***@c/ Ask https://***@f/')
})
