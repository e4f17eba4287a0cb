import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    platform: { kind: 'string', value: 'OS/ARCH', help: 'Config of this platform of an index', complete: 'platform' },
  },
  async run({ flags, args: [name = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { registryConfig } = await import('../../engine/registry-read.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    await using client = await openClient(context)
    const own = context.settings.platform
    const platform = flags.platform === undefined ? own : parsePlatform(flags.platform, own)
    context.terminal.print(await registryConfig(client, { name, platform }, context))
    return 0
  },
})
