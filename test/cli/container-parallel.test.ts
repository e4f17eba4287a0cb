import { readdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLimiter } from '../../src/base/limiter.ts'
import { image, kernelLeftovers, openContainerCli } from '../helpers/container-cli.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

const count = 100
/** Commands at once: each is a process of its own. */
const atOnce = 8
const words = (text: string): readonly string[] => text.split('\n').filter((word) => word !== '')

it(`${count} containers at once: all run, all stop, nothing is left`, { timeout: 400_000 }, async () => {
  const before = readdirSync(join(cli.root, 'snapshots'))
  const limiter = createLimiter(atOnce)
  const names = Array.from({ length: count }, (_, index) => `c${index}`)
  const ids = await Promise.all(
    names.map((name) => limiter.run(() => cli.ok('run', '-d', '--name', name, image, 'sleep', '1000'))),
  )
  expect(new Set(ids.map((id) => id.trim())).size).toBe(count)
  expect(words(await cli.ok('ps', '-q'))).toHaveLength(count)
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  expect(new Set(words(await cli.ok('inspect', '-f', format, ...names))).size).toBe(count)

  expect(words(await cli.ok('stop', '-t', '0', ...names))).toEqual(names)
  expect(await cli.ok('ps', '-q')).toBe('')
  expect(words(await cli.ok('rm', ...names))).toEqual(names)
  expect(await cli.ok('ps', '-aq')).toBe('')
  expect(readdirSync(join(cli.root, 'containers'))).toEqual([])
  expect(readdirSync(join(cli.root, 'snapshots'))).toEqual(before)
  expect(kernelLeftovers(ids.map((id) => id.trim()))).toEqual([])
})

it('many commands on one container: each sees it whole', async () => {
  const commands = Array.from({ length: 6 }, () => [
    ['start', 'one'],
    ['stop', '-t', '0', 'one'],
    ['restart', '-t', '0', 'one'],
    ['ps', '-a'],
    ['inspect', 'one'],
  ]).flat()
  await cli.ok('create', '--name', 'one', image, 'sleep', '1000')
  const limiter = createLimiter(atOnce)
  const results = await Promise.all(commands.map((args) => limiter.run(() => cli.run(args))))
  expect(results.filter(({ status }) => status !== 0)).toEqual([])
  await cli.ok('rm', '-f', 'one')
  expect(Object.keys(networkInterfaces()).filter((name) => name.startsWith('tsv-one'))).toEqual([])
})
