import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'REPOSITORY' }],
  flags: { full: { kind: 'boolean', help: 'Show whole names' } },
  examples: ['tsbuild registry ls debian'],
  async run({ flags, args: [name = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { listTags } = await import('../../registry/list.ts')
    const { familiarRepository, parseRepository } = await import('../../oci/reference.ts')
    const repository = parseRepository(name)
    await using client = await openClient(context)
    for await (const tag of listTags(client, repository, { signal: context.signal })) {
      context.terminal.printLine(flags.full ? `${familiarRepository(repository)}:${tag}` : tag)
    }
    return 0
  },
})
