import { expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import type { NativeCore } from '../../src/host/native.ts'
import { cannotBuild, openBuilder } from './builder.ts'
import type { Builder } from './builder.ts'

/** Has the first sandboxes find their subnet taken. */
function takeSubnet({ engine }: Builder, times: number): { count: number } {
  const native = engine.native as { start: NativeCore['start'] }
  const start = native.start.bind(native)
  const seen = { count: 0 }
  native.start = (verb, ...rest) => {
    const running = start(verb, ...rest)
    if (verb !== 'sandbox' || seen.count++ >= times) return running
    const taken = async (): Promise<never> => {
      await running.result
      throw new TsbuildError('SUBNET_TAKEN', 'An interface of the host has an address there')
    }
    return { ...running, result: taken() }
  }
  return seen
}

it.skipIf(cannotBuild)('a step whose subnet is taken meanwhile runs on another', async () => {
  await using builder = await openBuilder()
  const seen = takeSubnet(builder, 2)
  const result = await builder.build('FROM base\nRUN echo x > /f')
  expect(await builder.read(result, '/f')).toBe('x\n')
  expect(seen.count).toBe(3)
  expect(builder.leftovers()).toEqual([])
})

it.skipIf(cannotBuild)('a subnet that stays taken is told', async () => {
  await using builder = await openBuilder()
  takeSubnet(builder, Infinity)
  await expect(builder.build('FROM base\nRUN echo x > /f')).rejects.toMatchObject({ code: 'SUBNET_TAKEN' })
  expect(builder.leftovers()).toEqual([])
})
