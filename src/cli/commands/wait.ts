import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'container' }],
  flags: {},
  async run({ args }, context) {
    const engine = await context.openEngine()
    const { wait } = await import('../../engine/wait.ts')
    const { eachName } = await import('../container/each-name.ts')
    return await eachName(args, context, async (name) => String(await wait(engine, name, context)))
  },
})
