import { expect, it } from 'vitest'
import { createLimiter } from '../../src/base/limiter.ts'

it('runs no more jobs at once than it has places, in order', async () => {
  const limiter = createLimiter(2)
  const started: number[] = []
  const gates = [0, 1, 2].map(() => Promise.withResolvers<void>())
  const jobs = gates.map((gate, job) =>
    limiter.run(async () => {
      started.push(job)
      await gate.promise
    }),
  )
  await Promise.resolve()
  expect(started).toEqual([0, 1])
  gates[0]?.resolve()
  await jobs[0]
  await Promise.resolve()
  expect(started).toEqual([0, 1, 2])
  gates.forEach((gate) => gate.resolve())
  await Promise.all(jobs)
})

it('gives the place of a failed job to the next', async () => {
  const limiter = createLimiter(1)
  await expect(limiter.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(await limiter.run(() => Promise.resolve('next'))).toBe('next')
})

it('lets a waiting job be cancelled without losing a place', async () => {
  const limiter = createLimiter(1)
  const gate = Promise.withResolvers<void>()
  const first = limiter.run(() => gate.promise)
  const controller = new AbortController()
  const second = limiter.run(() => Promise.resolve('never'), controller.signal)
  controller.abort(new Error('stop'))
  await expect(second).rejects.toThrow('stop')
  gate.resolve()
  await first
  expect(await limiter.run(() => Promise.resolve('third'))).toBe('third')
})
