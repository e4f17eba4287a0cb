import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    filter: { kind: 'string', repeat: true, value: 'KEY=VALUE', help: 'Remove only those that fit (until, label)' },
    force: { kind: 'boolean', short: 'f', help: 'Do not ask' },
  },
  async run({ flags }, context) {
    const { pruneUntil } = await import('../container/prune-filters.ts')
    const { confirm } = await import('../container/confirm.ts')
    const request = pruneUntil(flags.filter)
    if (!flags.force && !(await confirm('WARNING! This will remove all stopped containers.', context))) return 0
    const engine = await context.openEngine()
    const { containerPrune } = await import('../../engine/container-prune.ts')
    const { printPruned } = await import('../container/prune-text.ts')
    printPruned(context.terminal, 'Deleted Containers:', await containerPrune(engine, request, context))
    return 0
  },
})
