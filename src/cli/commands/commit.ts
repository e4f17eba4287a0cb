import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'CONTAINER', complete: 'container' },
    { name: 'REPOSITORY[:TAG]', optional: true, complete: 'image' },
  ],
  flags: {
    author: { kind: 'string', short: 'a', value: 'AUTHOR', help: 'Author of the image' },
    change: {
      kind: 'string',
      short: 'c',
      repeat: true,
      value: 'INSTRUCTION',
      help: 'Apply a Dockerfile instruction to the configuration',
    },
    message: { kind: 'string', short: 'm', value: 'TEXT', help: 'Comment in the history' },
    pause: { kind: 'boolean', short: 'p', default: true, help: 'Pause the container meanwhile' },
    'no-pause': { kind: 'boolean', help: 'Do not pause the container' },
  },
  async run({ flags, args: [container = '', name] }, context) {
    const engine = await context.openEngine()
    const { commit } = await import('../../engine/commit.ts')
    const image = await commit(
      engine,
      {
        container,
        ...(name === undefined ? {} : { name }),
        ...(flags.author === undefined ? {} : { author: flags.author }),
        ...(flags.message === undefined ? {} : { message: flags.message }),
        changes: flags.change,
        pause: flags.pause && !flags['no-pause'],
      },
      context,
    )
    context.terminal.printLine(image.id)
    return 0
  },
})
