import type { Network } from '../../network/network-records.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    filter: { kind: 'string', short: 'f', repeat: true, value: 'KEY=VALUE', help: 'Show only those that fit' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    'no-trunc': { kind: 'boolean', help: 'Do not shorten what is shown' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show ids only' },
  },
  async run({ flags }, context) {
    const engine = await context.openEngine()
    const { networkLs } = await import('../../engine/network-ls.ts')
    const { hasIpv4 } = await import('../../network/network-records.ts')
    const { formatList } = await import('../../ui/list.ts')
    const { localTime } = await import('../../ui/human.ts')
    const columns: Readonly<Record<string, ListColumn<Network>>> = {
      ID: { header: 'NETWORK ID', value: ({ id }) => (flags['no-trunc'] ? id : id.slice(0, 12)) },
      Name: { header: 'NAME', value: ({ name }) => name },
      Driver: { header: 'DRIVER', value: ({ driver }) => driver },
      Scope: { header: 'SCOPE', value: () => 'local' },
      IPv4: { header: 'IPV4', value: (network) => String(hasIpv4(network)) },
      IPv6: { header: 'IPV6', value: ({ ipv6 }) => String(ipv6) },
      Internal: { header: 'INTERNAL', value: ({ internal }) => String(internal) },
      Labels: {
        header: 'LABELS',
        value: ({ labels }) =>
          Object.entries(labels)
            .map((pair) => pair.join('='))
            .join(','),
      },
      Label: {
        header: 'LABEL',
        value:
          ({ labels }) =>
          (key: unknown) =>
            labels[String(key)] ?? '',
      },
      CreatedAt: { header: 'CREATED AT', value: ({ createdAt }) => localTime(new Date(createdAt)) },
    }
    context.terminal.print(
      formatList(networkLs(engine, flags.filter), {
        columns,
        shown: ['ID', 'Name', 'Driver', 'Scope'],
        format: flags.format,
        quiet: flags.quiet ? 'ID' : undefined,
      }),
    )
    return 0
  },
})
