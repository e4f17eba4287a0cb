import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'MANIFEST_LIST', many: true }],
  flags: {},
  details: 'Lists that "manifest create" keeps in the store; "registry delete" removes what was pushed.',
  async run({ args }, context) {
    const engine = await context.openEngine()
    const { manifestRm } = await import('../../engine/manifest-list.ts')
    const failed = manifestRm(engine, args)
    for (const error of failed) context.report(error)
    return failed.length === 0 ? 0 : 1
  },
})
