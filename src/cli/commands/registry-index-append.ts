import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, targetFlag, writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'INDEX' }, { name: 'IMAGE', many: true }],
  flags: {
    ...targetFlag,
    annotation: {
      kind: 'string',
      short: 'a',
      repeat: true,
      value: 'NAME=VALUE',
      help: 'Set an annotation of the index',
    },
    ...writeFlags,
  },
  details: `An image for a platform that the index has takes its place. ${locationDetails}`,
  async run({ flags, args: [index = '', ...sources] }, context) {
    const { indexParts, registryIndexJoin } = await import('../../engine/registry-index.ts')
    const { plainParts } = await import('../../image/edit/join-index.ts')
    const { runWrite } = await import('../registry/run-write.ts')
    const { pairs } = await import('../registry/pairs.ts')
    const annotations = pairs('annotation', flags.annotation)
    return runWrite(context, flags, async (tools) =>
      registryIndexJoin(tools, {
        ...plainParts,
        parts: await indexParts(tools, sources),
        onto: index,
        targets: [flags.tag ?? index],
        annotations,
        dryRun: flags['dry-run'],
      }),
    )
  },
})
