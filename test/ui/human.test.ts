import { expect, it } from 'vitest'
import { binarySize, humanDuration, humanSize, relativeAge } from '../../src/ui/human.ts'

it.for([
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [7_792_336, '7.79MB'],
  [192_123_456, '192MB'],
  [1_234_567_890, '1.23GB'],
  [100_000_000, '100MB'],
] as const)('%i bytes are %s', ([bytes, want]) => {
  expect(humanSize(bytes)).toBe(want)
})

it.for([
  [0, '0B'],
  [1024, '1KiB'],
  [1.5 * 2 ** 30, '1.5GiB'],
  [7_654_321, '7.3MiB'],
] as const)('%i bytes of memory are %s', ([bytes, want]) => {
  expect(binarySize(bytes)).toBe(want)
})

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
it.for([
  [0, 'Less than a second'],
  [1000, '1 second'],
  [36_000, '36 seconds'],
  [minute, 'About a minute'],
  [2 * minute, '2 minutes'],
  [59 * minute, '59 minutes'],
  [hour, 'About an hour'],
  [1.4 * hour, 'About an hour'],
  [1.6 * hour, '2 hours'],
  [47 * hour, '47 hours'],
  [3 * day, '3 days'],
  [13 * day, '13 days'],
  [15 * day, '2 weeks'],
  [61 * day, '2 months'],
  [729 * day, '24 months'],
  [731 * day, '2 years'],
] as const)('%i ms are %s', ([ms, want]) => {
  expect(humanDuration(ms)).toBe(want)
})

it('ages', () => {
  expect(relativeAge(0, 3 * day)).toBe('3 days ago')
  expect(relativeAge(undefined, 0)).toBe('N/A')
})
