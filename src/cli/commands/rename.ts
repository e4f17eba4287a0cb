import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', complete: 'container' }, { name: 'NEW_NAME' }],
  flags: {},
  async run({ args: [name = '', newName = ''] }, context) {
    const engine = await context.openEngine()
    const { rename } = await import('../../engine/rename.ts')
    rename(engine, { name, newName })
    return 0
  },
})
