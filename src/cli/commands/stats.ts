import type { StatsRow } from '../../container/stats.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', optional: true, many: true, complete: 'running' }],
  flags: {
    all: { kind: 'boolean', short: 'a', help: 'Show all containers, not only those that run' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    'no-stream': { kind: 'boolean', help: 'Show the first figures and end' },
    'no-trunc': { kind: 'boolean', help: 'Do not shorten what is shown' },
  },
  async run({ flags, args }, context) {
    const engine = await context.openEngine()
    const { stats } = await import('../../engine/stats.ts')
    const { formatList } = await import('../../ui/list.ts')
    const columns = await statsColumns(flags['no-trunc'])
    const shown = ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs']
    const { terminal } = context
    const live = !flags['no-stream'] && terminal.isTty(1)
    for await (const rows of stats(engine, { names: args, all: flags.all }, context)) {
      // Home and clear, as docker does: the figures stay where they are.
      if (live) terminal.print('\u001B[H\u001B[J')
      terminal.print(formatList(rows, { columns, shown, format: flags.format }))
      if (flags['no-stream']) return 0
    }
    return 0
  },
})

async function statsColumns(whole: boolean): Promise<Readonly<Record<string, ListColumn<StatsRow>>>> {
  const { binarySize, humanSize } = await import('../../ui/human.ts')
  const { shortId } = await import('../../container/container-id.ts')
  const known = (row: StatsRow, text: string): string => (row.running ? text : '--')
  const percent = (value: number): string => `${value.toFixed(2)}%`
  return {
    Container: { header: 'CONTAINER', value: ({ container }) => (whole ? container.id : shortId(container.id)) },
    ID: { header: 'CONTAINER ID', value: ({ container }) => (whole ? container.id : shortId(container.id)) },
    Name: { header: 'NAME', value: ({ container }) => container.name },
    CPUPerc: { header: 'CPU %', value: (row) => known(row, percent(row.cpuPercent)) },
    MemUsage: {
      header: 'MEM USAGE / LIMIT',
      value: (row) => (row.running ? `${binarySize(row.memory)} / ${binarySize(row.memoryLimit)}` : '-- / --'),
    },
    MemPerc: {
      header: 'MEM %',
      value: (row) => known(row, percent(row.memoryLimit === 0 ? 0 : (100 * row.memory) / row.memoryLimit)),
    },
    NetIO: { header: 'NET I/O', value: (row) => known(row, `${humanSize(row.received)} / ${humanSize(row.sent)}`) },
    BlockIO: {
      header: 'BLOCK I/O',
      value: (row) => known(row, `${humanSize(row.blockRead)} / ${humanSize(row.blockWrite)}`),
    },
    PIDs: { header: 'PIDS', value: (row) => known(row, String(row.processes)) },
  }
}
