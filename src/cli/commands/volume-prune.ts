import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    all: { kind: 'boolean', short: 'a', help: 'Remove unused named volumes too' },
    filter: { kind: 'string', repeat: true, value: 'KEY=VALUE', help: 'Remove only those that fit (label, all)' },
    force: { kind: 'boolean', short: 'f', help: 'Do not ask' },
  },
  async run({ flags }, context) {
    const { pruneLabels } = await import('../container/prune-filters.ts')
    const { confirm } = await import('../container/confirm.ts')
    const { all, labels } = pruneLabels(flags.filter, flags.all)
    const which = all ? 'all volumes' : 'anonymous local volumes'
    const warning = `WARNING! This will remove ${which} not used by at least one container.`
    if (!flags.force && !(await confirm(warning, context))) return 0
    const engine = await context.openEngine()
    const { volumePrune } = await import('../../engine/volume-prune.ts')
    const { printPruned } = await import('../container/prune-text.ts')
    printPruned(context.terminal, 'Deleted Volumes:', await volumePrune(engine, { all, labels }))
    return 0
  },
})
