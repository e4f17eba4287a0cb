import { defineCommand } from '../command.ts'
import type { Command, CommandContext } from '../command.ts'
import { commandTable } from '../command-table.ts'
import { complete } from '../completion.ts'
import type { NameSource } from '../completion.ts'

/** What completion scripts call; the words come after `--`. */
export const command: Command = defineCommand({
  arguments: [{ name: 'WORD', optional: true, many: true }],
  flags: {},
  flagsFirst: true,
  async run({ args }, context) {
    const found = await complete(commandTable, args, namesIn(context))
    if (found.kind !== 'words') {
      context.terminal.printLine(`:${found.kind}`)
      return 0
    }
    for (const { text, help } of found.words) context.terminal.printLine(help === '' ? text : `${text}\t${help}`)
    return 0
  },
})

function namesIn(_context: CommandContext): NameSource {
  return async (what) => {
    switch (what) {
      case 'platform':
        return [
          'linux/amd64',
          'linux/arm64',
          'linux/arm/v7',
          'linux/386',
          'linux/ppc64le',
          'linux/s390x',
          'linux/riscv64',
        ]
      case 'image':
      case 'container':
      case 'running':
      case 'volume':
      case 'network':
        return []
    }
  }
}
