import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, targetFlag, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'INDEX' }],
  flags: {
    ...targetFlag,
    platform: { kind: 'string', repeat: true, value: 'OS/ARCH', help: 'Keep this platform', complete: 'platform' },
    ...writeFlags,
  },
  details: locationDetails,
  examples: [
    'tsbuild registry index filter --platform linux/amd64 --platform linux/arm64 -t registry.example.com/debian:small debian:bookworm',
  ],
  async run({ flags, args: [source = ''] }, context) {
    const { registryIndexFilter } = await import('../../engine/registry-index.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    const platforms = flags.platform.map((text) => parsePlatform(text, context.settings.platform))
    return runWrite(context, flags, async (tools) => [
      await registryIndexFilter(tools, { source, target: flags.tag, platforms, dryRun: flags['dry-run'] }),
    ])
  },
})
