import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, targetFlag, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE' }],
  flags: { ...targetFlag, ...writeFlags },
  details: `What upper layers removed is gone for good. ${locationDetails}`,
  async run({ flags, args: [source = ''] }, context) {
    const { registryFlatten } = await import('../../engine/registry-flatten.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    return runWrite(context, flags, async (tools) => [
      await registryFlatten(tools, { source, target: flags.tag, now: new Date(), dryRun: flags['dry-run'] }),
    ])
  },
})
