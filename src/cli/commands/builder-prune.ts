import { showWait } from '../../ui/wait.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    ...builderFlag,
    all: { kind: 'boolean', short: 'a', help: 'Forget what images need, too' },
    filter: {
      kind: 'string',
      repeat: true,
      value: 'KEY=VALUE',
      help: 'Remove only what fits (id, type, until, description)',
    },
    force: { kind: 'boolean', short: 'f', help: 'Do not ask' },
    'keep-storage': { kind: 'bytes', help: 'Leave this much', also: ['max-used-space', 'reserved-space'] },
  },
  async run({ flags }, context) {
    const { confirm } = await import('../container/confirm.ts')
    const what = flags.all ? 'all build cache' : 'all dangling build cache'
    if (!flags.force && !(await confirm(`WARNING! This will remove ${what}.`, context))) return 0
    const { builderPrune } = await import('../../engine/builder-prune.ts')
    const { humanSize } = await import('../../ui/human.ts')
    const engine = await context.openEngine()
    const request = {
      all: flags.all,
      filters: flags.filter,
      ...(flags['keep-storage'] === undefined ? {} : { keepBytes: flags['keep-storage'] }),
    }
    const { removed, bytes } = await showWait(context.terminal, 'Removing build cache', () =>
      builderPrune(engine, request, context),
    )
    for (const { id } of removed) context.terminal.printLine(id)
    context.terminal.printLine(`Total:\t${humanSize(bytes)}`)
    return 0
  },
})
