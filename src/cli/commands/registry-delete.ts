import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME[:TAG|@DIGEST]', many: true }],
  flags: {
    'tag-only': { kind: 'boolean', help: 'Delete the tag, keep the manifest; not every registry can' },
    blob: { kind: 'boolean', help: 'NAME@DIGEST is a blob; most registries leave blobs to their garbage collection' },
    'dry-run': { kind: 'boolean', help: 'Show what would be deleted, delete nothing' },
  },
  details: 'A manifest goes with every tag that points to it.',
  async run({ flags, args: names }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { registryDelete } = await import('../../engine/registry-delete.ts')
    await using client = await openClient(context)
    for (const name of names) {
      const digest = await registryDelete(
        client,
        { name, tagOnly: flags['tag-only'], blob: flags.blob, dryRun: flags['dry-run'] },
        context,
      )
      context.terminal.printLine(`${flags['dry-run'] ? 'Would delete' : 'Deleted'}: ${name} (${digest})`)
    }
    return 0
  },
})
