import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'container' }],
  flags: {
    attach: { kind: 'boolean', short: 'a', help: 'Show stdout and stderr, and pass signals on' },
    interactive: { kind: 'boolean', short: 'i', help: 'Attach stdin' },
    'detach-keys': { kind: 'string', value: 'KEYS', help: 'Keys that detach (default ctrl-p,ctrl-q)' },
    'sig-proxy': { kind: 'boolean', default: true, help: 'Pass signals on to the process' },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { start, startAttached } = await import('../../engine/start.ts')
    if (!flags.attach && !flags.interactive) {
      const { eachName } = await import('../container/each-name.ts')
      return await eachName(args, context, (name) => start(engine, name, context))
    }
    const [name = '', another] = args
    if (another !== undefined)
      throw new TsbuildError('USAGE', 'you cannot start and attach multiple containers at once')
    const { openAttachIo } = await import('../container/attach-io.ts')
    const { defaultDetachKeys, parseDetachKeys } = await import('../../container/detach-keys.ts')
    const { spec } = engine.containers.records.resolve(name)
    using io = openAttachIo(context, {
      tty: spec.process.tty,
      stdin: flags.interactive && spec.process.stdin !== 'none',
      stdout: true,
      stderr: true,
      detachKeys: parseDetachKeys(flags['detach-keys'] ?? defaultDetachKeys),
      sigProxy: flags['sig-proxy'],
    })
    const end = await startAttached(engine, name, io, context)
    return end.kind === 'exited' ? end.exitCode : 0
  },
})
