import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'REPOSITORY' }],
  flags: {
    full: { kind: 'boolean', help: 'Show whole names' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template over .Repository, .Tag and .Name, or "json"' },
  },
  examples: ['tsbuild registry ls debian'],
  async run({ flags, args: [name = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { listTags } = await import('../../registry/list.ts')
    const { familiarRepository, parseRepository } = await import('../../oci/reference.ts')
    const repository = parseRepository(name)
    await using client = await openClient(context)
    const tags = listTags(client, repository, { signal: context.signal })
    const home = familiarRepository(repository)
    if (flags.format !== undefined) {
      const { formatList } = await import('../../ui/list.ts')
      const columns = {
        Repository: { header: 'REPOSITORY', value: () => home },
        Tag: { header: 'TAG', value: (tag: string) => tag },
        Name: { header: 'NAME', value: (tag: string) => `${home}:${tag}` },
      }
      const rows = await Array.fromAsync(tags)
      context.terminal.print(formatList(rows, { columns, shown: ['Repository', 'Tag'], format: flags.format }))
      return 0
    }
    for await (const tag of tags) context.terminal.printLine(flags.full ? `${home}:${tag}` : tag)
    return 0
  },
})
