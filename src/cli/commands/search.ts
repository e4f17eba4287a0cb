import type { FoundRepository } from '../../registry/search.ts'
import type { ListColumn } from '../../ui/list.ts'
import { showWait } from '../../ui/wait.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'TERM' }],
  flags: {
    filter: {
      kind: 'string',
      short: 'f',
      repeat: true,
      value: 'KEY=VALUE',
      help: 'Show only those that fit: stars, is-official',
    },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    limit: { kind: 'integer', value: 'NUMBER', default: 25, help: 'How many at most, up to 100' },
    'no-trunc': { kind: 'boolean', help: 'Show whole descriptions' },
  },
  examples: [
    'tsbuild search nginx',
    'tsbuild search --filter is-official=true nginx',
    'tsbuild search registry.example.com/team',
  ],
  async run({ flags, args: [term = ''] }, { settings, signal, terminal }) {
    const { search } = await import('../../engine/search.ts')
    const { formatList } = await import('../../ui/list.ts')
    const request = { term, limit: flags.limit, filters: flags.filter }
    const found = await showWait(terminal, `Searching for ${term}`, () => search(settings, request, { signal }))
    const shown = ['Name', 'Description', 'StarCount', 'IsOfficial']
    terminal.print(formatList(found, { columns: searchColumns(flags['no-trunc']), shown, format: flags.format }))
    return 0
  },
})

function searchColumns(whole: boolean): Readonly<Record<string, ListColumn<FoundRepository>>> {
  const cut = (text: string): string => (whole || text.length <= 45 ? text : `${text.slice(0, 44)}…`)
  const mark = (flag: boolean): string => (flag ? '[OK]' : '')
  return {
    Name: { header: 'NAME', value: ({ name }) => name },
    Description: { header: 'DESCRIPTION', value: ({ description }) => cut(description.replace(/\s+/g, ' ')) },
    StarCount: { header: 'STARS', value: ({ stars }) => String(stars) },
    IsOfficial: { header: 'OFFICIAL', value: ({ official }) => mark(official) },
    IsAutomated: { header: 'AUTOMATED', value: ({ automated }) => mark(automated) },
  }
}
