import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { confirm } from '../../src/cli/container/confirm.ts'
import type { CommandContext } from '../../src/cli/command.ts'

/** What `confirm` takes of a command's context. */
function asked(signal: AbortSignal): { readonly stdin: PassThrough; readonly answer: Promise<boolean> } {
  const stdin = new PassThrough()
  const terminal = { stdin, stdout: new PassThrough(), print: () => {} }
  return { stdin, answer: confirm('All of it goes.', { terminal, signal } as unknown as CommandContext) }
}

const never = new AbortController().signal

it.for([
  ['y\n', true],
  ['YES\n', true],
  ['\n', false],
  ['yet\n', false],
  ['', false],
] as const)('"%s" is %s', async ([text, yes]) => {
  const { stdin, answer } = asked(never)
  stdin.end(text)
  expect(await answer).toBe(yes)
})

it('an interrupt ends the question', async () => {
  const stop = new AbortController()
  const { answer } = asked(stop.signal)
  stop.abort(new Error('interrupted'))
  await expect(answer).rejects.toThrow('interrupted')
})
