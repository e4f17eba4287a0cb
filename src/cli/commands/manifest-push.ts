import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { insecureFlag } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'MANIFEST_LIST' }],
  flags: {
    'dry-run': { kind: 'boolean', help: 'Show what would be written, write nothing' },
    purge: { kind: 'boolean', short: 'p', help: 'Remove the list from the store when it is pushed' },
    ...insecureFlag,
  },
  details: 'Images of other repositories and registries are copied into the one of the list.',
  async run({ flags, args: [list = ''] }, context) {
    const engine = await context.openEngine()
    const { manifestPush } = await import('../../engine/manifest-list.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    const request = { list, purge: flags.purge, dryRun: flags['dry-run'] }
    return runWrite(context, { ...flags, quiet: !flags['dry-run'] }, async (tools) => {
      const pushed = await manifestPush(engine, tools, request)
      // docker's lines; the digest of the list follows.
      for (const name of flags['dry-run'] ? [] : pushed.moved)
        context.terminal.printLine(`Pushed ref ${name} with digest: ${name.replace(/^.*@/, '')}`)
      return [pushed]
    })
  },
})
