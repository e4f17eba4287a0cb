import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { allOrNothing } from '../../src/base/all-or-nothing.ts'

it('gives all results in order', async () => {
  expect(await allOrNothing([sleep(5, 'a'), Promise.resolve('b')], new AbortController())).toEqual(['a', 'b'])
})

it('stops the others, waits for them, throws the first failure', async () => {
  const stop = new AbortController()
  const ended: string[] = []
  const slow = async (): Promise<void> => {
    await sleep(1000, undefined, { signal: stop.signal }).catch(() => undefined)
    ended.push('slow')
    throw new Error('second')
  }
  const broken = async (): Promise<void> => {
    await sleep(1)
    throw new Error('first')
  }
  await expect(allOrNothing([slow(), broken()], stop)).rejects.toThrow('first')
  expect(ended).toEqual(['slow'])
  expect(stop.signal.aborted).toBe(true)
})
