import { expect, it } from 'vitest'
import { pruneLabels } from '../../src/engine/prune-labels.ts'

const labels = { tier: 'a=b', team: '' }

it.for([
  [[], true],
  [['label=tier'], true],
  [['label=tier=a=b'], true],
  [['label=tier=a'], false],
  [['label=team='], true],
  [['label=tier', 'label=none'], false],
  [['label!=none'], true],
  [['label!=tier'], false],
  [['label!=tier=c', 'label=team'], true],
] as const)('%j: %s', ([filters, goes]) => {
  expect(pruneLabels(filters)(labels)).toBe(goes)
})

it.for(['label', 'label=', 'name=x', ''])('"%s" is no filter', (filter) => {
  expect(() => pruneLabels([filter])).toThrow(expect.objectContaining({ code: 'USAGE' }))
})
