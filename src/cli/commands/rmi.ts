import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'IMAGE', many: true, complete: 'image' }],
  flags: {
    force: {
      kind: 'boolean',
      short: 'f',
      help: 'Also with several names, or when a stopped container was made from it',
    },
    // Without effect, and without a notice: there are no untagged parents.
    'no-prune': { kind: 'boolean', hidden: true, help: 'Keep untagged parents' },
    platform: {
      kind: 'string',
      value: 'OS/ARCH',
      help: 'Only when the image is for this platform, and no other is here under its name',
      complete: 'platform',
    },
  },
  async run({ flags, args: names }, context) {
    const engine = await context.openEngine()
    const platform = flags.platform === undefined ? {} : { platform: flags.platform }
    const { rmi } = await import('../../engine/rmi.ts')
    const { removed, failed } = await rmi(engine, { names, force: flags.force, ...platform }, context)
    for (const { untagged, deleted } of removed) {
      for (const name of untagged) context.terminal.printLine(`Untagged: ${name}`)
      if (deleted !== undefined) context.terminal.printLine(`Deleted: ${deleted}`)
    }
    for (const error of failed) context.report(error)
    return failed.length === 0 ? 0 : 1
  },
})
