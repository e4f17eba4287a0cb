import type { CacheItem } from '../../engine/builder-cache.ts'
import type { ListColumn } from '../../ui/list.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    ...builderFlag,
    filter: {
      kind: 'string',
      repeat: true,
      value: 'KEY=VALUE',
      help: 'Show only what fits (id, type, until, inuse, shared, description)',
    },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    verbose: { kind: 'boolean', help: 'Show what made each item' },
  },
  async run({ flags }, context) {
    const { builderDu } = await import('../../engine/builder-du.ts')
    const { formatList } = await import('../../ui/list.ts')
    const { humanSize, relativeAge } = await import('../../ui/human.ts')
    const items = await builderDu(await context.openEngine(), flags.filter)
    const columns: Readonly<Record<string, ListColumn<CacheItem>>> = {
      ID: { header: 'ID', value: ({ id }) => id },
      Reclaimable: { header: 'RECLAIMABLE', value: ({ inUse, shared }) => String(!inUse && !shared) },
      Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
      LastAccessed: { header: 'LAST ACCESSED', value: ({ usedAt }) => relativeAge(usedAt, Date.now()) },
      Type: { header: 'TYPE', value: ({ kind }) => kind },
      Uses: { header: 'USES', value: ({ uses }) => String(uses) },
      Description: { header: 'DESCRIPTION', value: ({ description }) => description },
    }
    const shown = [
      'ID',
      'Reclaimable',
      'Size',
      'LastAccessed',
      ...(flags.verbose ? ['Type', 'Uses', 'Description'] : []),
    ]
    context.terminal.print(formatList(items, { columns, shown, format: flags.format }))
    if (flags.format === undefined) {
      const total = items.reduce((sum, { size }) => sum + size, 0)
      const reclaimable = items.reduce((sum, { size, inUse, shared }) => sum + (inUse || shared ? 0 : size), 0)
      context.terminal.printLine(`Reclaimable:\t${humanSize(reclaimable)}`)
      context.terminal.printLine(`Total:\t\t${humanSize(total)}`)
    }
    return 0
  },
})
