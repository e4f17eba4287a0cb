import { commandTable } from '../command-table.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { storedNames } from '../completion-names.ts'
import { complete } from '../completion.ts'

/** What completion scripts call; the words come after `--`. */
export const command: Command = defineCommand({
  arguments: [{ name: 'WORD', optional: true, many: true }],
  flags: {},
  flagsFirst: true,
  async run({ args }, context) {
    const found = await complete(commandTable, args, storedNames(context))
    if (found.kind !== 'words') {
      context.terminal.printLine(`:${found.kind}`)
      return 0
    }
    for (const { text, help } of found.words) context.terminal.printLine(help === '' ? text : `${text}\t${help}`)
    return 0
  },
})
