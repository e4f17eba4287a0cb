import { TsbuildError } from '../../base/errors.ts'
import { parseTime } from './time-flag.ts'

/** The filters of `volume prune`: `label=…`, `label!=…`, and docker's old `all=1`. USAGE. */
export function pruneLabels(
  filters: readonly string[],
  all: boolean,
): { readonly all: boolean; readonly labels: readonly string[] } {
  const labels: string[] = []
  let everything = all
  for (const filter of filters) {
    const [, key = '', negated = '', value = ''] = /^(\w+)(!?)=(.*)$/s.exec(filter) ?? []
    if (key === 'all') everything = /^(1|t|true)$/i.test(value)
    else if (key === 'label') labels.push(negated === '' ? value : `!${value}`)
    else
      throw new TsbuildError('USAGE', `invalid filter '${filter}'`, {
        hint: 'Filters: label=KEY[=VALUE], label!=KEY[=VALUE]',
      })
  }
  return { all: everything, labels }
}

/** Takes `until=TIME` out of the filters of a prune. USAGE. */
export function pruneUntil(filters: readonly string[]): { readonly filters: readonly string[]; readonly until?: Date } {
  const until = filters.filter((filter) => filter.startsWith('until='))
  const others = filters.filter((filter) => !filter.startsWith('until='))
  const last = until.at(-1)
  return last === undefined
    ? { filters }
    : { filters: others, until: parseTime('--filter until', last.slice('until='.length), Date.now()) }
}
