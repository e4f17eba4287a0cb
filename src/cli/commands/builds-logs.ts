import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'BUILD', optional: true }],
  flags: builderFlag,
  async run({ args }, context) {
    const { buildsLogs } = await import('../../engine/builds-logs.ts')
    context.terminal.print(await buildsLogs(await context.openEngine(), args[0] ?? ''))
    return 0
  },
})
