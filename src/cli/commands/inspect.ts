import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME', many: true, complete: 'container' }],
  flags: {
    format: { kind: 'string', short: 'f', value: 'TEMPLATE', help: 'Go template or "json"' },
    size: { kind: 'boolean', short: 's', help: 'Show the size of the files of containers' },
    type: { kind: 'string', choices: ['container', 'image', 'volume', 'network'], help: 'What the names are of' },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { inspect } = await import('../../engine/inspect.ts')
    const { inspectEach } = await import('../container/inspect-each.ts')
    const type = flags.type === undefined ? {} : { type: flags.type }
    return await inspectEach(args, flags.format, context, (name) =>
      inspect(engine, { name, size: flags.size, ...type }, context),
    )
  },
})
