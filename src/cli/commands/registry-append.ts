import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, targetFlag, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE' }, { name: 'LAYER.tar', many: true, complete: 'file' }],
  flags: { ...targetFlag, ...writeFlags },
  details: `Tar files become layers on top; compressed ones stay as they are. ${locationDetails}`,
  examples: ['tsbuild registry append -t registry.example.com/app:2 debian:bookworm app.tar.gz'],
  async run({ flags, args: [source = '', ...layers] }, context) {
    const { registryAppend } = await import('../../engine/registry-append.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    return runWrite(context, flags, async (tools) => [
      await registryAppend(tools, { source, target: flags.tag, layers, now: new Date(), dryRun: flags['dry-run'] }),
    ])
  },
})
