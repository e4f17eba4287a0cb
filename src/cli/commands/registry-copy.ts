import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { compressionFlags, readCompression } from '../image/compression-flags.ts'
import { locationDetails, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE' }, { name: 'TARGET' }],
  flags: {
    'all-tags': { kind: 'boolean', short: 'a', help: 'Copy every tag of the repository' },
    platform: {
      kind: 'string',
      repeat: true,
      value: 'OS/ARCH',
      help: 'Copy only these platforms of an index',
      complete: 'platform',
    },
    referrers: { kind: 'boolean', help: 'Also copy signatures, attestations and what else refers to the image' },
    'foreign-layers': { kind: 'boolean', help: 'Also copy layers that registries are not meant to have' },
    format: {
      kind: 'string',
      choices: ['oci', 'docker'],
      help: 'Write manifests of this family; image IDs stay, digests change',
    },
    ...writeFlags,
    ...compressionFlags,
  },
  details: `Digests stay as they are unless --format asks for another; nothing is unpacked. ${locationDetails}`,
  examples: [
    'tsbuild registry copy debian:bookworm registry.example.com/mirror/debian:bookworm',
    'tsbuild registry copy --all-tags ghcr.io/a/b registry.example.com/a/b',
    'tsbuild registry copy store:basic-img oci-archive:basic-img.tar:1.0',
  ],
  async run({ flags, args: [source = '', target = ''] }, context) {
    const { registryCopy } = await import('../../engine/registry-copy.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    const { openTransferProgress } = await import('../../ui/progress/progress.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    using progress = await openTransferProgress(context.terminal, {
      direction: 'push',
      stream: 'stderr',
      quiet: flags.quiet || flags['dry-run'],
    })
    await using opened = await openLocationTools(context, progress.emit)
    const copied = await registryCopy(opened.tools, {
      source,
      target,
      platforms: flags.platform.map((text) => parsePlatform(text, context.settings.platform)),
      allTags: flags['all-tags'],
      referrers: flags.referrers,
      foreignLayers: flags['foreign-layers'],
      dryRun: flags['dry-run'],
      compression: readCompression(flags),
      family: flags.format,
    })
    await opened.keep()
    progress[Symbol.dispose]()
    const { printCopied } = await import('../registry/print-copied.ts')
    printCopied(copied, { quiet: flags.quiet, dryRun: flags['dry-run'] }, context.terminal)
    return 0
  },
})
