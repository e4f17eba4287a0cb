import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'container' }],
  flags: {
    format: { kind: 'string', short: 'f', value: 'TEMPLATE', help: 'Go template or "json"' },
    size: { kind: 'boolean', short: 's', help: 'Show the size of the files' },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { containerInspect } = await import('../../engine/container-inspect.ts')
    const { inspectEach } = await import('../container/inspect-each.ts')
    return await inspectEach(args, flags.format, context, (name) =>
      containerInspect(engine, { name, size: flags.size }),
    )
  },
})
