import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'REGISTRY' }],
  flags: { format: { kind: 'string', value: 'TEMPLATE', help: 'Go template over .Name, or "json"' } },
  examples: ['tsbuild registry catalog registry.example.com'],
  async run({ flags, args: [host = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { listRepositories } = await import('../../registry/list.ts')
    await using client = await openClient(context)
    const repositories = listRepositories(client, host, { signal: context.signal })
    if (flags.format === undefined) for await (const name of repositories) context.terminal.printLine(name)
    else {
      const { formatList } = await import('../../ui/list.ts')
      const columns = { Name: { header: 'NAME', value: (name: string) => name } }
      const rows = await Array.fromAsync(repositories)
      context.terminal.print(formatList(rows, { columns, shown: ['Name'], format: flags.format }))
    }
    return 0
  },
})
