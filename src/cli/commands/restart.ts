import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'running' }],
  flags: {
    signal: { kind: 'string', short: 's', value: 'SIGNAL', help: 'Signal to send first' },
    timeout: {
      kind: 'integer',
      short: 't',
      also: ['time'],
      value: 'SECONDS',
      help: 'Seconds to wait before SIGKILL; -1 waits for ever (default 10)',
    },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { restart } = await import('../../engine/restart.ts')
    const { eachName } = await import('../container/each-name.ts')
    const options = {
      ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
      ...(flags.signal === undefined ? {} : { stopSignal: flags.signal }),
    }
    return await eachName(args, context, (name) => restart(engine, { name, ...options }, context))
  },
})
