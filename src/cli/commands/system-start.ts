import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {},
  details:
    'Starts the containers whose restart policy wants them to run. The unit that "tsbuild system install-units" makes calls it at boot.',
  async run(_input, context) {
    const engine = await context.openEngine()
    const { systemStart } = await import('../../engine/system-start.ts')
    const { started, failed } = await systemStart(engine, context)
    for (const name of started) context.terminal.printLine(name)
    for (const { error } of failed) context.report(error)
    return failed.length === 0 ? 0 : 1
  },
})
