import { hasCode } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'container' }],
  flags: {
    force: { kind: 'boolean', short: 'f', help: 'Kill it when it runs; no error when there is none' },
    link: {
      kind: 'boolean',
      short: 'l',
      hidden: true,
      help: 'Remove a link',
      ignored: 'a link stays as long as its container',
    },
    volumes: { kind: 'boolean', short: 'v', help: 'Remove its anonymous volumes too' },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { rm } = await import('../../engine/rm.ts')
    const { eachName } = await import('../container/each-name.ts')
    return await eachName(args, context, async (name) => {
      try {
        await rm(engine, { name, force: flags.force, volumes: flags.volumes }, context)
        return name
      } catch (error) {
        if (!flags.force || !hasCode(error, 'CONTAINER_NOT_FOUND')) throw error
        context.report(error)
        return null
      }
    })
  },
})
