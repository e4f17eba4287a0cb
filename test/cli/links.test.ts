import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, inspected, openContainerCli } from '../helpers/container-cli.ts'
import { NetworkHost, noNetworks } from '../helpers/network-host.ts'
import { noContainers } from '../helpers/runtime-bundle.ts'
import type { Cli } from '../helpers/tsbuild.ts'

describe.skipIf(noContainers || noNetworks)('--link', () => {
  let host: NetworkHost
  let cli: Cli
  beforeAll(async () => {
    host = await NetworkHost.create()
    cli = await openContainerCli(host.prefix)
    await cli.ok('network', 'create', 'own')
  })
  afterAll(async () => {
    await cli[Symbol.asyncDispose]()
    host.dispose()
  })

  const hostsIn = async (name: string): Promise<readonly string[]> =>
    (await cli.ok('exec', name, 'cat', '/etc/hosts')).split('\n')
  const addressOf = (name: string): Promise<string> => inspected(cli, name, '{{.NetworkSettings.IPAddress}}')

  it('names a container of the default network, with variables for its ports', async () => {
    await cli.ok('run', '-d', '--name', 'store', '--expose', '5432', '-e', 'A=b', image, 'sleep', '1000')
    await cli.ok('run', '-d', '--name', 'web', '--link', 'store:db', image, 'sh', '-c', 'env > /env; sleep 1000')
    const written = 'until grep -q DB_NAME /env; do sleep 0.1; done'
    await cli.ok('exec', 'web', 'sh', '-c', `${written}; ping -c1 -W5 db`)
    const address = await addressOf('store')
    const id = await inspected(cli, 'store', '{{slice .Id 0 12}}')
    expect(await hostsIn('web')).toContain(`${address}\tdb ${id} store`)
    for (const words of [['cat', '/env'], ['env']]) {
      const variables = (await cli.ok('exec', 'web', ...words)).split('\n')
      expect(variables).toEqual(
        expect.arrayContaining([`DB_PORT=tcp://${address}:5432`, 'DB_NAME=/web/db', 'DB_ENV_A=b']),
      )
    }
    expect(await inspected(cli, 'web', '{{json .HostConfig.Links}}')).toBe('["/store:/web/db"]')
  })

  it('follows the other one to a new address', async () => {
    await cli.ok('stop', '-t', '0', 'store')
    const address = await inspected(cli, 'web', '{{.NetworkSettings.Gateway}}')
    const next = address.replace(/\d+$/, '99')
    await cli.ok('network', 'disconnect', 'bridge', 'store')
    await cli.ok('network', 'connect', '--ip', next, 'bridge', 'store')
    await cli.ok('start', 'store')
    expect(await inspected(cli, 'store', '{{json .NetworkSettings.Networks.bridge.IPAMConfig}}')).toBe(
      JSON.stringify({ IPv4Address: next }),
    )
    expect(await addressOf('store')).toBe(next)
    expect((await hostsIn('web')).find((line) => line.includes('\tdb '))).toMatch(new RegExp(`^${next}\t`))
  })

  it('is refused where it cannot hold', async () => {
    await cli.ok('create', '--name', 'idle', image, 'sleep', '1000')
    expect(await cli.fails(['run', '--rm', '--name', 'late', '--link', 'idle:db', image, 'true'])).toMatchObject({
      code: 'CONTAINER_CONFLICT',
      message: 'Cannot link to a non running container: /idle AS /late/db',
      hint: 'tsbuild start idle',
    })
    expect(await cli.fails(['run', '--rm', '--link', 'nobody', image, 'true'])).toMatchObject({
      message: 'could not get container for nobody: No such container: nobody',
    })
    expect(await cli.fails(['run', '--rm', '--link', 'store', '--network', 'host', image, 'true'])).toMatchObject({
      message: expect.stringContaining("host type networking can't be used with links") as string,
    })
    expect(await cli.fails(['run', '--rm', '--link', 'a:b:c', image, 'true'])).toMatchObject({ code: 'USAGE' })
  })

  it('is a further name in a network of one’s own', async () => {
    await cli.ok('run', '-d', '--name', 'mine', '--network', 'own', image, 'sleep', '1000')
    await cli.ok('create', '--name', 'joins', image, 'sleep', '1000')
    await cli.ok('network', 'connect', '--link', 'mine:one', 'own', 'joins')
    await cli.ok('start', 'joins')
    await cli.ok('exec', 'joins', 'ping', '-c1', '-W5', 'one')
    const words = ['sh', '-c', 'ping -c1 -W5 other >&2; env']
    const variables = await cli.ok('run', '--rm', '--network', 'own', '--link', 'mine:other', image, ...words)
    expect(variables).not.toContain('OTHER_')
    expect(await cli.fails(['run', '--rm', '--link', 'mine:other', image, 'true'])).toMatchObject({
      message: expect.stringContaining('not attached to default bridge network') as string,
    })
  })
})
