import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    format: { kind: 'string', short: 'f', value: 'template', help: 'Go template or "json"' },
  },
  async run({ flags }, { settings, terminal }) {
    const { versions } = await import('../../engine/version.ts')
    const all = await versions(settings)
    if (flags.format !== undefined) {
      const { formatValue } = await import('../../ui/format-value.ts')
      terminal.print(formatValue(flags.format, all))
      return 0
    }
    const { Client: client, Server: server } = all
    const rows = [
      ['Version:', client.Version],
      ['API version:', `${client.ApiVersion} (that of docker, whose words and documents these are)`],
      ['Git commit:', client.GitCommit],
      ['Native core:', client.CoreVersion],
      ['Node:', client.NodeVersion],
      ['Kernel:', server.KernelVersion],
      ['OS/Arch:', `${client.Os}/${client.Arch}`],
    ] as const
    terminal.printLine('Client: tsbuild')
    for (const [name, value] of rows) terminal.printLine(` ${name.padEnd(18)}${value}`)
    terminal.printLine('')
    terminal.printLine('Server: none, tsbuild works without a daemon')
    return 0
  },
})
