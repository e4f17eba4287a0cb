import type { DiskUsage } from '../../engine/system-df.ts'
import type { ListColumn } from '../../ui/list.ts'
import type { Terminal } from '../../ui/terminal.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    verbose: { kind: 'boolean', short: 'v', help: 'Show each image, container, volume and cache record' },
  },
  async run({ flags }, context) {
    const engine = await context.openEngine()
    const { systemDf } = await import('../../engine/system-df.ts')
    const usage = await systemDf(engine)
    if (flags.verbose) {
      const { formatDfDetails } = await import('../system/df-details.ts')
      context.terminal.print(await formatDfDetails(usage, flags.format))
    } else await printSummary(usage, flags.format, context.terminal)
    return 0
  },
})

interface Part {
  readonly type: string
  readonly total: number
  readonly active: number
  readonly size: number
  readonly reclaimable: number
}

async function printSummary(usage: DiskUsage, format: string | undefined, terminal: Terminal): Promise<void> {
  const { reclaimable } = await import('../../engine/system-df.ts')
  const { isLive } = await import('../../container/container-state.ts')
  const { formatList } = await import('../../ui/list.ts')
  const { humanSize } = await import('../../ui/human.ts')
  const { images, containers, volumes, cache } = usage
  const free = reclaimable(usage)
  const sum = (items: readonly { readonly size: number }[]): number =>
    items.reduce((total, { size }) => total + size, 0)
  const parts: readonly Part[] = [
    {
      type: 'Images',
      total: images.length,
      active: images.filter((image) => image.containers > 0).length,
      size: usage.imageBytes,
      reclaimable: free.images,
    },
    {
      type: 'Containers',
      total: containers.length,
      active: containers.filter(({ state }) => isLive(state)).length,
      size: sum(containers),
      reclaimable: free.containers,
    },
    {
      type: 'Local Volumes',
      total: volumes.length,
      active: volumes.filter(({ links }) => links > 0).length,
      size: sum(volumes),
      reclaimable: free.volumes,
    },
    {
      type: 'Build Cache',
      total: cache.length,
      active: cache.filter(({ inUse }) => inUse).length,
      size: sum(cache),
      reclaimable: free.cache,
    },
  ]
  const columns: Readonly<Record<string, ListColumn<Part>>> = {
    Type: { header: 'TYPE', value: ({ type }) => type },
    TotalCount: { header: 'TOTAL', value: ({ total }) => String(total) },
    Active: { header: 'ACTIVE', value: ({ active }) => String(active) },
    Size: { header: 'SIZE', value: ({ size }) => humanSize(size, 4) },
    Reclaimable: {
      header: 'RECLAIMABLE',
      value: ({ type, size, reclaimable: bytes }) => {
        const share = size === 0 || type === 'Build Cache' ? '' : ` (${Math.floor((100 * bytes) / size)}%)`
        return `${humanSize(bytes, 4)}${share}`
      },
    },
  }
  terminal.print(formatList(parts, { columns, shown: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'], format }))
}
