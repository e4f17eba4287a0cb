import { builderFlag } from '../build/builder-flag.ts'
import { builderPlatforms } from '../build/builder-platforms.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME', optional: true }],
  flags: {
    bootstrap: { kind: 'boolean', help: 'Accepted: the builder always runs' },
    ...builderFlag,
  },
  async run({ flags, args }, { settings, terminal }) {
    const { alignTable } = await import('../../ui/table.ts')
    const { version } = await import('../../base/version.ts')
    const name = args[0] ?? flags.builder ?? 'default'
    const platforms = builderPlatforms(settings.platform)
    terminal.print(
      [
        alignTable([
          ['Name:', name],
          ['Driver:', 'tsbuild'],
        ]),
        '\nNodes:\n',
        alignTable([
          ['Name:', name],
          ['Endpoint:', settings.root],
          ['Status:', 'running'],
          ['Version:', version],
          ['Platforms:', platforms.join(', ')],
        ]),
      ].join(''),
    )
    return 0
  },
})
