import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME', many: true }],
  flags: {
    platform: { kind: 'string', value: 'OS/ARCH', help: 'Digest of this platform of an index', complete: 'platform' },
    full: { kind: 'boolean', help: 'Show the whole name with the digest' },
  },
  async run({ flags, args: names }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { registryDigest } = await import('../../engine/registry-read.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    const { familiarRepository, parseReference } = await import('../../oci/reference.ts')
    await using client = await openClient(context)
    const platform =
      flags.platform === undefined ? {} : { platform: parsePlatform(flags.platform, context.settings.platform) }
    for (const name of names) {
      const digest = await registryDigest(client, { name, ...platform }, context)
      context.terminal.printLine(flags.full ? `${familiarRepository(parseReference(name))}@${digest}` : digest)
    }
    return 0
  },
})
