import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'IMAGE', complete: 'image' },
    { name: 'NAME[:TAG]', many: true },
  ],
  flags: {},
  examples: ['tsbuild tag basic-img ghcr.io/team/basic-img:1.0'],
  async run({ args: [source = '', ...targets] }, context) {
    const engine = await context.openEngine()
    const { tag } = await import('../../engine/tag.ts')
    await tag(engine, { source, targets }, context)
    return 0
  },
})
