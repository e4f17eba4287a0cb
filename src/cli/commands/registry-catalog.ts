import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'REGISTRY' }],
  flags: {},
  examples: ['tsbuild registry catalog registry.example.com'],
  async run({ args: [host = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { listRepositories } = await import('../../registry/list.ts')
    await using client = await openClient(context)
    for await (const name of listRepositories(client, host, { signal: context.signal }))
      context.terminal.printLine(name)
    return 0
  },
})
