import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NETWORK', many: true, complete: 'network' }],
  flags: {
    format: { kind: 'string', short: 'f', value: 'TEMPLATE', help: 'Go template or "json"' },
    verbose: { kind: 'boolean', short: 'v', hidden: true, help: 'Show more', ignored: 'there is no more to show' },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { networkInspect } = await import('../../engine/network-inspect.ts')
    const { inspectEach } = await import('../container/inspect-each.ts')
    return await inspectEach(args, flags.format, context, (name) => networkInspect(engine, name))
  },
})
