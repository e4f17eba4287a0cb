import { commit, version } from '../../base/version.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    format: { kind: 'string', short: 'f', value: 'template', help: 'Go template or "json"' },
  },
  async run({ flags }, { terminal }) {
    const facts = { Version: version, Commit: commit, Node: process.version, Os: process.platform, Arch: process.arch }
    if (flags.format !== undefined) {
      const { formatValue } = await import('../../ui/format-value.ts')
      terminal.print(formatValue(flags.format, facts))
      return 0
    }
    terminal.printLine(`Client: tsbuild`)
    return 0
  },
})
