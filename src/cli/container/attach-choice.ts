import { TsbuildError } from '../../base/errors.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import { defaultDetachKeys, parseDetachKeys } from '../../container/detach-keys.ts'
import type { CommandContext } from '../command.ts'
import type { AttachChoice } from './attach-io.ts'

interface Flags {
  readonly attach: readonly string[]
  readonly detach: boolean
  readonly interactive: boolean
  readonly tty: boolean
  readonly 'detach-keys': string | undefined
  readonly 'sig-proxy': boolean
}

/** What `run` attaches, by docker's rules; null: nothing, it runs detached. USAGE for what excludes itself. */
export function attachChoice(flags: Flags, { terminal }: CommandContext): AttachChoice | null {
  const detachKeys = parseDetachKeys(flags['detach-keys'] ?? defaultDetachKeys)
  const streams = flags.attach.map((word) => word.toLowerCase())
  const unknown = streams.find((word) => !['stdin', 'stdout', 'stderr'].includes(word))
  if (unknown !== undefined) {
    throw invalidFlag('--attach', unknown, 'valid streams are STDIN, STDOUT and STDERR')
  }
  if (flags.detach) {
    if (streams.length > 0)
      throw new TsbuildError('USAGE', 'conflicting options: cannot specify both --attach and --detach')
    return null
  }
  if (flags.tty && flags.interactive && terminal.stdin.isTTY !== true) {
    throw new TsbuildError('USAGE', 'the input device is not a TTY', { hint: 'Leave -t out, or run it in a terminal' })
  }
  const all = streams.length === 0
  return {
    tty: flags.tty,
    stdin: flags.interactive && (all || streams.includes('stdin')),
    stdout: all || streams.includes('stdout'),
    stderr: all || streams.includes('stderr'),
    detachKeys,
    sigProxy: flags['sig-proxy'],
  }
}
