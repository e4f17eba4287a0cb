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
    const warning = 'WARNING! This will remove all custom networks not used by at least one container.'
    if (!flags.force && !(await confirm(warning, context))) return 0
    const engine = await context.openEngine()
    const { networkPrune } = await import('../../engine/network-prune.ts')
    const removed = await networkPrune(engine, request)
    if (removed.length > 0) context.terminal.printLine(`Deleted Networks:\n${removed.join('\n')}\n`)
    return 0
  },
})
