import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    all: { kind: 'boolean', short: 'a', help: 'Remove every image that no container was made from' },
    filter: { kind: 'string', repeat: true, value: 'KEY=VALUE', help: 'Remove only what fits (until, label)' },
    force: { kind: 'boolean', short: 'f', help: 'Do not ask' },
    volumes: { kind: 'boolean', help: 'Remove anonymous volumes too' },
  },
  async run({ flags }, context) {
    const { pruneUntil } = await import('../container/prune-filters.ts')
    const { confirm } = await import('../container/confirm.ts')
    const range = pruneUntil(flags.filter)
    if (flags.volumes && flags.filter.some((text) => text.startsWith('until='))) {
      throw new TsbuildError('USAGE', 'The "until" filter is not supported with "--volumes"')
    }
    if (!flags.force && !(await confirm(warning(flags), context))) return 0
    const engine = await context.openEngine()
    const { systemPrune } = await import('../../engine/system-prune.ts')
    const { removedImages } = await import('../container/prune-text.ts')
    const { humanSize } = await import('../../ui/human.ts')
    const { terminal } = context
    const pruned = await systemPrune(engine, { all: flags.all, volumes: flags.volumes, ...range }, context)
    const list = (heading: string, names: readonly string[]): void => {
      if (names.length > 0) terminal.printLine(`${heading}\n${names.join('\n')}\n`)
    }
    list('Deleted Containers:', pruned.containers.removed)
    list('Deleted Networks:', pruned.networks)
    list('Deleted Volumes:', pruned.volumes.removed)
    list('Deleted Images:', removedImages(pruned.images))
    list('Deleted build cache objects:', pruned.cache.removed)
    const bytes = [pruned.containers, pruned.volumes, pruned.images, pruned.cache].reduce(
      (sum, part) => sum + part.bytes,
      0,
    )
    terminal.printLine(`Total reclaimed space: ${humanSize(bytes, 4)}`)
    return 0
  },
})

function warning({ all, volumes }: { readonly all: boolean; readonly volumes: boolean }): string {
  return [
    'WARNING! This will remove:',
    '  - all stopped containers',
    '  - all networks not used by at least one container',
    ...(volumes ? ['  - all anonymous volumes not used by at least one container'] : []),
    all ? '  - all images without at least one container associated to them' : '  - all dangling images',
    all ? '  - all build cache' : '  - unused build cache',
    '',
  ].join('\n')
}
