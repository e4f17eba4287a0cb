import { TsbuildError } from '../base/errors.ts'
import { hasLabel } from '../container/container-filter.ts'

/** What the filters `label=KEY[=VALUE]` and `label!=KEY[=VALUE]` of a prune say of something's labels: all must hold. USAGE for any other filter. */
export function pruneLabels(filters: readonly string[]): (labels: Readonly<Record<string, string>>) => boolean {
  const tests = filters.map((filter) => {
    const [, negated, word] = /^label(!?)=(.+)$/s.exec(filter) ?? []
    if (word !== undefined) return { word, wanted: negated === '' }
    throw new TsbuildError('USAGE', `invalid filter '${filter}'`, {
      hint: 'Filters: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]',
    })
  })
  return (labels) => tests.every(({ word, wanted }) => hasLabel(labels, word) === wanted)
}
