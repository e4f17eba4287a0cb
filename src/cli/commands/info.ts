import { printable } from '../../base/printable.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    format: { kind: 'string', short: 'f', value: 'template', help: 'Go template or "json"' },
  },
  async run({ flags }, context) {
    const { info } = await import('../../engine/info.ts')
    const facts = await info(await context.openEngine(), context.signal)
    if (flags.format !== undefined) {
      const { formatValue } = await import('../../ui/format-value.ts')
      context.terminal.print(formatValue(flags.format, facts))
      return 0
    }
    const { infoLines } = await import('../system/info-lines.ts')
    for (const line of infoLines(facts)) context.terminal.printLine(printable(line))
    return 0
  },
})
