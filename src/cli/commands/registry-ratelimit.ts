import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME', optional: true }],
  flags: { format: { kind: 'string', value: 'TEMPLATE', help: 'Go template or "json"' } },
  details: 'Without a name it is Docker Hub. Asking does not count as a pull.',
  async run({ flags, args: [name] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { rateLimitProbe, readRateLimit } = await import('../../registry/rate-limit.ts')
    await using client = await openClient(context)
    const limit = await readRateLimit(client, name ?? rateLimitProbe, context.signal)
    if (flags.format !== undefined) {
      const { formatValues } = await import('../../ui/format-value.ts')
      context.terminal.print(
        formatValues(flags.format, [
          {
            Limit: limit.limit ?? null,
            Remaining: limit.remaining ?? null,
            Window: limit.window ?? null,
            Source: limit.source ?? '',
          },
        ]),
      )
      return 0
    }
    if (limit.limit === undefined) {
      context.terminal.printLine('The registry tells no limit')
      return 0
    }
    const { humanDuration } = await import('../../ui/human.ts')
    const per = limit.window === undefined ? '' : ` in ${humanDuration(limit.window * 1000)}`
    const whom = limit.source === undefined ? '' : ` (counted for ${limit.source})`
    context.terminal.printLine(`${limit.remaining ?? '?'} of ${limit.limit} pulls left${per}${whom}`)
    return 0
  },
})
