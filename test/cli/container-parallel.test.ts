import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLimiter } from '../../src/base/limiter.ts'
import { image, kernelLeftovers, openContainerCli, until } from '../helpers/container-cli.ts'
import { NetworkHost, noNetworks } from '../helpers/network-host.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** On a machine of its own, where nobody else has interfaces or rules. */
let cli: Cli
let host: NetworkHost
beforeAll(async () => {
  host = await NetworkHost.create()
  cli = await openContainerCli(host.prefix)
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  host.dispose()
})

const count = 25
const rounds = 3
/** Commands at once: each is a process of its own. */
const atOnce = 8
const words = (text: string): readonly string[] => text.split('\n').filter((word) => word !== '')

/** Names of containers that the name services of networks still know. */
function namesLeft(): readonly string[] {
  const networks = join(cli.environment['TSBUILD_RUN_ROOT'] ?? '', 'networks')
  return readdirSync(networks).flatMap((network) => readdirSync(join(networks, network)))
}

it.skipIf(noNetworks)(
  `${count} containers at once, ${rounds} times: all run, all stop, nothing is left`,
  { timeout: 400_000 },
  async () => {
    const before = readdirSync(join(cli.root, 'snapshots'))
    const limiter = createLimiter(atOnce)
    const names = Array.from({ length: count }, (_, index) => `c${index}`)
    await cli.ok('network', 'create', 'lab')
    for (let round = 0; round < rounds; round += 1) {
      const start = (name: string, index: number): Promise<string> => {
        const network = index % 2 === 0 ? ['-p', '80'] : ['--network', 'lab', '-p', '80/udp']
        return limiter.run(() => cli.ok('run', '-d', '--name', name, ...network, image, 'sleep', '1000'))
      }
      const ids = (await Promise.all(names.map(start))).map((id) => id.trim())
      expect(new Set(ids).size).toBe(count)
      expect(words(await cli.ok('ps', '-q'))).toHaveLength(count)
      for (const format of [
        '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
        '{{range .NetworkSettings.Ports}}{{(index . 0).HostPort}}{{end}}',
      ]) {
        expect(new Set(words(await cli.ok('inspect', '-f', format, ...names))).size).toBe(count)
      }

      expect(words(await cli.ok('stop', '-t', '0', ...names))).toEqual(names)
      expect(await cli.ok('ps', '-q')).toBe('')
      expect(words(await cli.ok('rm', ...names))).toEqual(names)
      expect(await cli.ok('ps', '-aq')).toBe('')
      expect(readdirSync(join(cli.root, 'containers'))).toEqual([])
      expect(readdirSync(join(cli.root, 'snapshots'))).toEqual(before)
      expect(kernelLeftovers(ids)).toEqual([])
      expect(namesLeft()).toEqual([])
      expect(await cli.ok('network', 'inspect', '-f', '{{len .Containers}}', 'bridge', 'lab')).toBe('0\n0\n')
      await until('the bridges go with their last containers', async () => host.links().join() === 'lo')
      expect(host.rules()).toBe('')
    }
    await cli.ok('network', 'rm', 'lab')
  },
)

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
  await until('the interfaces go', async () => host.links().join() === 'lo')
})
