import { expect, it } from 'vitest'
import { hasLimits, possibleLimits } from '../../src/runtime/possible-limits.ts'

it('keeps what can be held, and names the controllers that are missing', () => {
  const limits = { memory: 64, memorySwap: -1, nanoCpus: 5e8, pids: 10, blkioWeight: 100, cpusetCpus: '0' }
  expect(possibleLimits(limits, ['cpu', 'io', 'memory'])).toEqual({
    limits: { memory: 64, memorySwap: -1, nanoCpus: 5e8, blkioWeight: 100 },
    missing: ['cpuset', 'pids'],
  })
  expect(possibleLimits(limits, []).limits).toEqual({})
})

it('looks at nothing when nothing is limited', () => {
  expect(hasLimits({ memory: 0, pids: -1, cpusetCpus: '', deviceReadBps: [], oomKillDisable: false })).toBe(false)
  expect(hasLimits({ pids: 5 })).toBe(true)
  expect(possibleLimits({ pids: -1 }, []).missing).toEqual([])
})
