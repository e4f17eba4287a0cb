import { printable } from '../../base/printable.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', complete: 'container' }],
  flags: {},
  async run({ args: [name = ''] }, context) {
    const engine = await context.openEngine()
    const { diff } = await import('../../engine/diff.ts')
    for (const { change, path } of await diff(engine, name, context))
      context.terminal.printLine(`${change} ${printable(path)}`)
    return 0
  },
})
