import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'running' }],
  flags: {},
  async run({ args }, context) {
    const engine = await context.openEngine()
    const { pause } = await import('../../engine/pause.ts')
    const { eachName } = await import('../container/each-name.ts')
    return await eachName(args, context, (name) => pause(engine, name))
  },
})
