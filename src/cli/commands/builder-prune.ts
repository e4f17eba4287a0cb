import { showWait } from '../../ui/wait.ts'
import type { KeepSpace } from '../../engine/builder-prune.ts'
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
    'reserved-space': { kind: 'bytes', help: 'Leave at least this much of the cache', also: ['keep-storage'] },
    'max-used-space': { kind: 'bytes', help: 'Leave no more than this much of the cache' },
    'min-free-space': { kind: 'bytes', help: 'Make this much of the disk free' },
    verbose: { kind: 'boolean', hidden: true, help: 'Accepted for docker' },
  },
  async run({ flags }, context) {
    const { confirm } = await import('../container/confirm.ts')
    const what = flags.all ? 'all build cache' : 'all dangling build cache'
    if (!flags.force && !(await confirm(`WARNING! This will remove ${what}.`, context))) return 0
    const { builderPrune } = await import('../../engine/builder-prune.ts')
    const { humanSize } = await import('../../ui/human.ts')
    const engine = await context.openEngine()
    const keep = readKeep(flags['reserved-space'], flags['max-used-space'], flags['min-free-space'])
    const request = {
      all: flags.all,
      filters: flags.filter,
      ...(keep === undefined ? {} : { keep }),
    }
    const { removed, bytes } = await showWait(context.terminal, 'Removing build cache', () =>
      builderPrune(engine, request, context),
    )
    for (const { id } of removed) context.terminal.printLine(id)
    context.terminal.printLine(`Total:\t${humanSize(bytes)}`)
    return 0
  },
})

/** What a prune is to leave; undefined where nothing is said of it. */
function readKeep(
  reserved: number | undefined,
  max: number | undefined,
  minFree: number | undefined,
): KeepSpace | undefined {
  if (reserved === undefined && max === undefined && minFree === undefined) return undefined
  return {
    ...(reserved === undefined ? {} : { reserved }),
    ...(max === undefined ? {} : { max }),
    ...(minFree === undefined ? {} : { minFree }),
  }
}
