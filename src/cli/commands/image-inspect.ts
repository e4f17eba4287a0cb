import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'IMAGE', many: true, complete: 'image' }],
  flags: {
    format: { kind: 'string', short: 'f', value: 'TEMPLATE', help: 'Go template or "json"' },
    platform: { kind: 'string', value: 'OS/ARCH', help: 'Platform of an image made for several', complete: 'platform' },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { imageInspect } = await import('../../engine/image-inspect.ts')
    const { inspectEach } = await import('../container/inspect-each.ts')
    const platform = flags.platform === undefined ? {} : { platform: flags.platform }
    return await inspectEach(args, flags.format, context, (name) =>
      imageInspect(engine, { name, ...platform }, context),
    )
  },
})
