import { builderPlatforms } from '../build/builder-platforms.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

interface Builder {
  readonly name: string
  readonly platforms: readonly string[]
}

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    'no-trunc': { kind: 'boolean', hidden: true, help: 'Accepted for docker' },
  },
  async run({ flags }, { settings, terminal }) {
    const { formatList } = await import('../../ui/list.ts')
    const { version } = await import('../../base/version.ts')
    const columns: Readonly<Record<string, ListColumn<Builder>>> = {
      Name: { header: 'NAME', value: ({ name }) => name },
      DriverEndpoint: { header: 'DRIVER/ENDPOINT', value: () => 'tsbuild' },
      Status: { header: 'STATUS', value: () => 'running' },
      Version: { header: 'VERSION', value: () => version },
      Platforms: { header: 'PLATFORMS', value: ({ platforms }) => platforms.join(', ') },
    }
    const builder = { name: 'default*', platforms: builderPlatforms(settings.platform) }
    terminal.print(formatList([builder], { columns, shown: Object.keys(columns), format: flags.format }))
    return 0
  },
})
