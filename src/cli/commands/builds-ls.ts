import type { BuildRecord } from '../../build/explain/build-records.ts'
import type { ListColumn } from '../../ui/list.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    ...builderFlag,
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show IDs only' },
  },
  async run({ flags }, context) {
    const { buildsLs } = await import('../../engine/builds-ls.ts')
    const { formatList } = await import('../../ui/list.ts')
    const { relativeAge } = await import('../../ui/human.ts')
    const columns: Readonly<Record<string, ListColumn<BuildRecord>>> = {
      ID: { header: 'BUILD ID', value: ({ id }) => id },
      Name: { header: 'NAME', value: ({ names, context: folder }) => names[0] ?? folder },
      Status: { header: 'STATUS', value: ({ status }) => status },
      CreatedAt: { header: 'CREATED AT', value: ({ startedAt }) => relativeAge(startedAt, Date.now()) },
      Duration: {
        header: 'DURATION',
        value: ({ startedAt, endedAt }) => `${((endedAt - startedAt) / 1000).toFixed(1)}s`,
      },
      Cached: {
        header: 'CACHED',
        value: ({ steps }) => String(steps.filter(({ state }) => state === 'cached').length),
      },
      Ran: {
        header: 'RAN',
        value: ({ steps }) => String(steps.filter(({ explanation }) => explanation !== undefined).length),
      },
    }
    context.terminal.print(
      formatList(buildsLs(await context.openEngine()), {
        columns,
        shown: ['ID', 'Name', 'Status', 'CreatedAt', 'Duration', 'Cached', 'Ran'],
        format: flags.format,
        quiet: flags.quiet ? 'ID' : undefined,
      }),
    )
    return 0
  },
})
