import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, platformFlag, targetFlag, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE' }, { name: 'OLD-BASE' }, { name: 'NEW-BASE' }],
  flags: {
    ...targetFlag,
    ...platformFlag,
    force: { kind: 'boolean', short: 'f', help: 'Also when own layers touch what differs between the bases' },
    ...writeFlags,
  },
  details:
    'The image must stand on OLD-BASE, and nothing that its own layers write, replace or remove may differ between the bases: ' +
    `that is looked at before anything is written. ${locationDetails}`,
  examples: [
    'tsbuild registry rebase -t registry.example.com/app:patched registry.example.com/app:1 debian:12.5 debian:12.6',
  ],
  async run({ flags, args: [source = '', oldBase = '', newBase = ''] }, context) {
    const { registryRebase } = await import('../../engine/registry-rebase.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    const own = context.settings.platform
    return runWrite(context, flags, async (tools) => {
      const rebased = await registryRebase(tools, {
        source,
        oldBase,
        newBase,
        target: flags.tag,
        platform: flags.platform === undefined ? own : parsePlatform(flags.platform, own),
        force: flags.force,
        dryRun: flags['dry-run'],
      })
      const { layers, conflicts } = rebased.proof
      if (!flags.quiet) context.terminal.say(`${layers} own layers, ${conflicts.length} conflicts with the new base`)
      return [rebased]
    })
  },
})
