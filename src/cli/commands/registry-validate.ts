import { printable } from '../../base/printable.ts'
import type { Finding } from '../../image/edit/validate.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE', many: true }],
  flags: {
    quiet: { kind: 'boolean', short: 'q', help: 'Show problems only' },
    format: {
      kind: 'string',
      value: 'TEMPLATE',
      help: 'Go template over .Source, .What, .Status, .Code and .Error, or "json"',
    },
  },
  details: `Everything is read: digests, sizes, DiffIDs, documents and tar format. Exit status 1 when something is wrong. ${locationDetails}`,
  async run({ flags, args: names }, context) {
    const { registryValidate } = await import('../../engine/registry-validate.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    await using opened = await openLocationTools(context, context.emit)
    const { formatList } = await import('../../ui/list.ts')
    const format = flags.format
    let problems = 0
    for (const name of names) {
      for await (const { what, error } of registryValidate(opened.tools, name)) {
        if (error !== undefined) problems += 1
        if (error === undefined && flags.quiet) continue
        if (format !== undefined) {
          const row: Checked = { source: name, what, error }
          context.terminal.print(formatList([row], { columns, shown: Object.keys(columns), format }))
        } else {
          const text = error === undefined ? `ok   ${what}` : `FAIL ${what}: ${error.message} (${error.code})`
          context.terminal.printLine(printable(text))
        }
      }
    }
    return problems === 0 ? 0 : 1
  },
})

interface Checked extends Finding {
  readonly source: string
}

const columns: Readonly<Record<string, ListColumn<Checked>>> = {
  Source: { header: 'SOURCE', value: ({ source }) => source },
  What: { header: 'WHAT', value: ({ what }) => what },
  Status: { header: 'STATUS', value: ({ error }) => (error === undefined ? 'ok' : 'FAIL') },
  Code: { header: 'CODE', value: ({ error }) => error?.code ?? '' },
  Error: { header: 'ERROR', value: ({ error }) => error?.message ?? '' },
}
