import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'BUILD', optional: true }],
  flags: {
    format: {
      kind: 'string',
      value: 'FORMAT',
      choices: ['text', 'json'],
      default: 'text',
      help: 'How the reasons are shown',
    },
  },
  details: 'For every step that ran: the first input that differs from the nearest earlier time it was done.',
  async run({ flags, args }, context) {
    const { explain } = await import('../../engine/explain.ts')
    const record = explain(await context.openEngine(), args[0] ?? '')
    if (flags.format === 'json') {
      context.terminal.printLine(JSON.stringify(record.steps))
      return 0
    }
    const { explainText } = await import('../build/explain-text.ts')
    context.terminal.print(explainText(record))
    return 0
  },
})
