import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'running' }],
  flags: { signal: { kind: 'string', short: 's', value: 'SIGNAL', default: 'SIGKILL', help: 'Signal to send' } },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { kill } = await import('../../engine/kill.ts')
    const { eachName } = await import('../container/each-name.ts')
    return await eachName(args, context, (name) => kill(engine, { name, signal: flags.signal }))
  },
})
