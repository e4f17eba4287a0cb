import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'VOLUME', many: true, complete: 'volume' }],
  flags: { format: { kind: 'string', short: 'f', value: 'TEMPLATE', help: 'Go template or "json"' } },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { volumeInspect } = await import('../../engine/volume-inspect.ts')
    const { inspectEach } = await import('../container/inspect-each.ts')
    return await inspectEach(args, flags.format, context, async (name) => volumeInspect(engine, name))
  },
})
