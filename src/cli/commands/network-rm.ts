import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NETWORK', many: true, complete: 'network' }],
  flags: { force: { kind: 'boolean', short: 'f', help: 'No error when there is none' } },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { networkRm } = await import('../../engine/network-rm.ts')
    const { eachName } = await import('../container/each-name.ts')
    return await eachName(args, context, (name) => networkRm(engine, { name, force: flags.force }))
  },
})
