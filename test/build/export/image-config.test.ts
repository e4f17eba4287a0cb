import { describe, expect, it } from 'vitest'
import { finishConfig } from '../../../src/build/export/image-config.ts'
import type { PlannedHistory } from '../../../src/build/plan/stage-state.ts'
import { sha256 } from '../../../src/oci/digest.ts'

const [one, two] = [sha256('1'), sha256('2')]
const times: Readonly<Record<string, number>> = { [one]: Date.UTC(2024, 0, 1), [two]: Date.UTC(2025, 0, 1) }
const base: PlannedHistory = { created: '2020-01-01T00:00:00Z', created_by: 'base' }
const meta: PlannedHistory = { created_by: 'ENV', empty_layer: true }

function created(history: readonly PlannedHistory[], layers: number, epoch?: number): (string | undefined)[] {
  const config = finishConfig({
    draft: { platform: { os: 'linux', architecture: 'amd64' }, config: {}, history },
    diffIds: Array.from({ length: layers }, (_, at) => sha256(`layer ${at}`)),
    createdAt: (step) => times[step] ?? 0,
    ...(epoch === undefined ? {} : { epoch }),
  })
  return [config.created, ...(config.history ?? []).map((entry) => entry.created)].map((time) => time?.slice(0, 4))
}

describe('finishConfig', () => {
  it.for<[string, readonly PlannedHistory[], number, (string | undefined)[], number?]>([
    ['layers have the time of their step', [base, { layer: one }, { layer: two }], 3, ['2025', '2020', '2024', '2025']],
    [
      'metadata takes the first new layer',
      [base, meta, { layer: one }, meta, { layer: two }],
      3,
      ['2025', '2020', '2024', '2024', '2024', '2025'],
    ],
    ['metadata alone takes the base', [base, meta], 1, ['2020', '2020', '2020']],
    ['nothing has a time', [meta], 0, [undefined, undefined]],
    [
      'the epoch clamps ours, not the base',
      [base, meta, { layer: one }],
      2,
      ['2019', '2020', '2019', '2019'],
      Date.UTC(2019, 0, 1) / 1000,
    ],
    ['an epoch gives a time where none is', [meta], 0, ['2019', '2019'], Date.UTC(2019, 0, 1) / 1000],
    ['a base without history gets entries', [{ layer: one }], 2, ['2024', '2024', '2024']],
  ])('%s', ([, history, layers, expected, epoch]) => {
    expect(created(history, layers, epoch)).toEqual(expected)
  })
})
