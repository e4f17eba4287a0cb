import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'CONTAINER', complete: 'running' },
    { name: 'PS_OPTION', optional: true, many: true },
  ],
  flagsFirst: true,
  flags: {},
  async run({ args: [name = '', ...options] }, context) {
    const engine = await context.openEngine()
    const { top } = await import('../../engine/top.ts')
    const { alignTable } = await import('../../ui/table.ts')
    const { titles, rows } = await top(engine, { name, args: options })
    context.terminal.print(alignTable([titles, ...rows], { minWidth: 20, padding: 1 }))
    return 0
  },
})
