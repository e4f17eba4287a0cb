import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'BUILD', optional: true }],
  flags: { format: { kind: 'string', short: 'f', value: 'TEMPLATE', help: 'Go template or "json"' }, ...builderFlag },
  async run({ flags, args }, context) {
    const { explain } = await import('../../engine/explain.ts')
    const record = explain(await context.openEngine(), args[0] ?? '')
    const { formatValue } = await import('../../ui/format-value.ts')
    context.terminal.print(
      flags.format === undefined ? `${JSON.stringify(record, null, 2)}\n` : formatValue(flags.format, record),
    )
    return 0
  },
})
