import { showWait } from '../../ui/wait.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    all: { kind: 'boolean', short: 'a', help: 'Remove every image that no container was made from' },
    filter: {
      kind: 'string',
      repeat: true,
      value: 'KEY=VALUE',
      help: 'Remove only those that fit (until, label, dangling)',
    },
    force: { kind: 'boolean', short: 'f', help: 'Do not ask' },
  },
  async run({ flags }, context) {
    const { pruneUntil } = await import('../container/prune-filters.ts')
    const { confirm } = await import('../container/confirm.ts')
    const range = pruneUntil(flags.filter)
    const which = flags.all ? 'all images without at least one container associated to them' : 'all dangling images'
    if (!flags.force && !(await confirm(`WARNING! This will remove ${which}.`, context))) return 0
    const engine = await context.openEngine()
    const { imagePrune } = await import('../../engine/image-prune.ts')
    const { printPruned, removedImages } = await import('../container/prune-text.ts')
    const pruned = await showWait(context.terminal, 'Removing images', () =>
      imagePrune(engine, { all: flags.all, ...range }),
    )
    printPruned(context.terminal, 'Deleted Images:', { removed: removedImages(pruned), bytes: pruned.bytes })
    return 0
  },
})
