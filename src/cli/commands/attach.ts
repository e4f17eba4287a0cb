import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', complete: 'running' }],
  flags: {
    'detach-keys': { kind: 'string', value: 'KEYS', help: 'Keys that detach (default ctrl-p,ctrl-q)' },
    'no-stdin': { kind: 'boolean', help: 'Do not attach stdin' },
    'sig-proxy': { kind: 'boolean', default: true, help: 'Pass signals on to the process' },
  },
  async run({ flags, args: [name = ''] }, context) {
    const engine = await context.openEngine()
    const { attach } = await import('../../engine/attach.ts')
    const { openAttachIo } = await import('../container/attach-io.ts')
    const { defaultDetachKeys, parseDetachKeys } = await import('../../container/detach-keys.ts')
    const detachKeys = parseDetachKeys(flags['detach-keys'] ?? defaultDetachKeys)
    using stack = new DisposableStack()
    const end = await attach(
      engine,
      name,
      ({ spec }) =>
        stack.use(
          openAttachIo(context, {
            tty: spec.process.tty,
            stdin: !flags['no-stdin'] && spec.process.stdin !== 'none',
            stdout: true,
            stderr: true,
            detachKeys,
            sigProxy: flags['sig-proxy'],
          }),
        ),
      context,
    )
    return end.kind === 'exited' ? end.exitCode : 0
  },
})
