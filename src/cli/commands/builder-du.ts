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
  async run({ flags }, { openEngine, terminal }) {
    const { builderDu } = await import('../../engine/builder-du.ts')
    const { humanSize } = await import('../../ui/human.ts')
    const items = await builderDu(await openEngine(), flags.filter)
    if (flags.verbose) terminal.print((await Promise.all(items.map(details))).join(''))
    else {
      const { formatList } = await import('../../ui/list.ts')
      const shown = ['ID', 'Reclaimable', 'Size', 'LastUsedAt']
      terminal.print(formatList(items, { columns: await columns(), shown, format: flags.format }))
    }
    if (flags.format !== undefined && !flags.verbose) return 0
    const sum = (some: readonly CacheItem[]): string => humanSize(some.reduce((total, { size }) => total + size, 0))
    terminal.printLine(`Reclaimable:\t${sum(items.filter(isReclaimable))}`)
    terminal.printLine(`Total:\t\t${sum(items)}`)
    return 0
  },
})

function isReclaimable({ inUse, shared }: CacheItem): boolean {
  return !inUse && !shared
}

/** The fields of buildx. */
async function columns(): Promise<Readonly<Record<string, ListColumn<CacheItem>>>> {
  const { humanSize, localTime, relativeAge } = await import('../../ui/human.ts')
  const now = Date.now()
  return {
    ID: { header: 'ID', value: ({ id }) => id },
    Parents: { header: 'PARENTS', value: ({ parent }) => (parent === undefined ? [] : [parent]) },
    CreatedAt: { header: 'CREATED AT', value: ({ createdAt }) => localTime(new Date(createdAt)) },
    Mutable: { header: 'MUTABLE', value: ({ kind }) => kind === 'mount' },
    Reclaimable: { header: 'RECLAIMABLE', value: isReclaimable },
    Shared: { header: 'SHARED', value: ({ shared }) => shared },
    Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
    Description: { header: 'DESCRIPTION', value: ({ description }) => description },
    UsageCount: { header: 'USAGE COUNT', value: ({ uses }) => uses },
    LastUsedAt: { header: 'LAST ACCESSED', value: ({ usedAt }) => relativeAge(usedAt, now) },
    Type: { header: 'TYPE', value: ({ kind }) => (kind === 'layer' ? 'regular' : 'exec.cachemount') },
  }
}

/** One item, a field on each line. */
async function details(item: CacheItem): Promise<string> {
  const { printable } = await import('../../base/printable.ts')
  const { alignTable } = await import('../../ui/table.ts')
  const fields = await columns()
  const rows = Object.entries(fields).flatMap(([name, { header, value }]) => {
    const shown = name === 'Parents' ? (item.parent ?? '') : String(value(item))
    const title = name === 'LastUsedAt' ? 'Last used' : `${header[0]}${header.slice(1).toLowerCase()}`
    return shown === '' ? [] : [[`${name === 'ID' ? 'ID' : title}:`, printable(shown).replaceAll('\n', ' ')]]
  })
  return `${alignTable(rows, { minWidth: 14, padding: 2 })}\n`
}
