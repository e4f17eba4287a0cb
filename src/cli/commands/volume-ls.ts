import type { Volume } from '../../volume/volume-records.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    filter: { kind: 'string', short: 'f', repeat: true, value: 'KEY=VALUE', help: 'Show only those that fit' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show names only' },
  },
  async run({ flags }, context) {
    const engine = await context.openEngine()
    const { volumeLs } = await import('../../engine/volume-ls.ts')
    const { formatList } = await import('../../ui/list.ts')
    const columns: Readonly<Record<string, ListColumn<Volume>>> = {
      Name: { header: 'VOLUME NAME', value: ({ name }) => name },
      Driver: { header: 'DRIVER', value: () => 'local' },
      Scope: { header: 'SCOPE', value: () => 'local' },
      Mountpoint: { header: 'MOUNTPOINT', value: ({ name }) => engine.volumes.mountpoint(name) },
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
      Links: { header: 'LINKS', value: ({ name }) => String(engine.volumes.records.usersOf(name).length) },
      // Nobody counts bytes for a list, and there is no swarm.
      ...Object.fromEntries(
        ['Size', 'Availability', 'Group', 'Status'].map((name) => [
          name,
          { header: name.toUpperCase(), value: () => 'N/A' },
        ]),
      ),
    }
    context.terminal.print(
      formatList(volumeLs(engine, flags.filter), {
        columns,
        shown: ['Driver', 'Name'],
        format: flags.format,
        quiet: flags.quiet ? 'Name' : undefined,
      }),
    )
    return 0
  },
})
