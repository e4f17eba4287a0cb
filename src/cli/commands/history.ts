import type { HistoryStep } from '../../engine/history.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'IMAGE', complete: 'image' }],
  flags: {
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    human: { kind: 'boolean', short: 'H', default: true, help: 'Show sizes and times for people' },
    'no-trunc': { kind: 'boolean', help: 'Do not shorten what is shown' },
    platform: { kind: 'string', value: 'OS/ARCH', help: 'Platform of an image made for several', complete: 'platform' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show IDs only' },
  },
  async run({ flags, args: [name = ''] }, context) {
    const engine = await context.openEngine()
    const { history } = await import('../../engine/history.ts')
    const { formatList } = await import('../../ui/list.ts')
    const steps = await history(
      engine,
      { name, ...(flags.platform === undefined ? {} : { platform: flags.platform }) },
      context,
    )
    const columns = await historyColumns(flags['no-trunc'], flags.human)
    const shown = ['ID', flags.human ? 'CreatedSince' : 'CreatedAt', 'CreatedBy', 'Size', 'Comment']
    context.terminal.print(
      formatList(steps, { columns, shown, format: flags.format, quiet: flags.quiet ? 'ID' : undefined }),
    )
    return 0
  },
})

async function historyColumns(
  whole: boolean,
  human: boolean,
): Promise<Readonly<Record<string, ListColumn<HistoryStep>>>> {
  const { shortId } = await import('../../oci/digest.ts')
  const { humanSize, localRfc3339, relativeAge } = await import('../../ui/human.ts')
  const now = Date.now()
  const cut = (text: string): string => (whole || text.length <= 45 ? text : `${text.slice(0, 44)}…`)
  return {
    ID: { header: 'IMAGE', value: ({ id }) => (id === undefined ? '<missing>' : whole ? id : shortId(id)) },
    CreatedSince: { header: 'CREATED', value: ({ createdAt }) => relativeAge(createdAt, now) },
    CreatedAt: {
      header: 'CREATED AT',
      value: ({ createdAt }) => (createdAt === undefined ? '' : localRfc3339(new Date(createdAt))),
    },
    CreatedBy: { header: 'CREATED BY', value: ({ createdBy }) => cut(createdBy.replaceAll('\t', ' ')) },
    Size: { header: 'SIZE', value: ({ size }) => (human ? humanSize(size) : String(size)) },
    Comment: { header: 'COMMENT', value: ({ comment }) => comment },
  }
}
