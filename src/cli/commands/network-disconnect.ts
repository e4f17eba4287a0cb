import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'NETWORK', complete: 'network' },
    { name: 'CONTAINER', complete: 'container' },
  ],
  flags: { force: { kind: 'boolean', short: 'f', help: 'Also when the container does not answer' } },
  async run({ flags, args: [network = '', container = ''] }, context) {
    const engine = await context.openEngine()
    const { networkDisconnect } = await import('../../engine/network-connect.ts')
    await networkDisconnect(engine, { network, container, force: flags.force }, context)
    return 0
  },
})
