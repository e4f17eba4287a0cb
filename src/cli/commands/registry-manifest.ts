import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    platform: { kind: 'string', value: 'OS/ARCH', help: 'Manifest of this platform of an index', complete: 'platform' },
  },
  details: 'The bytes are those of the registry: their SHA-256 is the digest.',
  async run({ flags, args: [name = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { registryManifest } = await import('../../engine/registry-read.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    await using client = await openClient(context)
    const platform =
      flags.platform === undefined ? {} : { platform: parsePlatform(flags.platform, context.settings.platform) }
    const { bytes } = await registryManifest(client, { name, ...platform }, context)
    context.terminal.print(bytes)
    return 0
  },
})
