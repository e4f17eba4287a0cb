import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, openContainerCli } from '../helpers/container-cli.ts'
import { NetworkHost, noNetworks } from '../helpers/network-host.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** The command line on a machine of its own, with another machine on a wire. */
let cli: Cli
let host: NetworkHost
let outside: NetworkHost
beforeAll(async () => {
  host = await NetworkHost.create()
  outside = await NetworkHost.create()
  host.connectTo(outside)
  cli = await openContainerCli(host.prefix)
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  host.dispose()
  outside.dispose()
})

const serve = ['sh', '-c', 'echo hello > index.html; exec httpd -f -p 80']
/** A server takes a moment to listen; until then its port may be refused, reset or silent. */
const fetched = (from: NetworkHost, address: string): string =>
  from.run('curl', '-s', '-m', '10', '--retry', '30', '--retry-all-errors', '--retry-delay', '1', `http://${address}/`)

describe.skipIf(noNetworks)('network reload', () => {
  it('brings everything back after a flush of all rules', async () => {
    await cli.ok('run', '-d', '--name', 'web', '-p', '8080:80', image, ...serve)
    await cli.ok('run', '-d', '--name', 'alone', '--network', 'none', image, 'sleep', '1000')
    expect(fetched(outside, '192.0.2.1:8080')).toBe('hello\n')
    const before = host.rules()
    host.run('nft', 'flush', 'ruleset')
    expect(host.rules()).toBe('')
    expect(await cli.ok('network', 'reload')).toBe('web\n')
    expect(host.rules()).toBe(before)
    expect(await cli.ok('network', 'reload', 'web')).toBe('web\n')
    expect(host.rules()).toBe(before)
    expect(fetched(outside, '192.0.2.1:8080')).toBe('hello\n')
    await cli.ok('stop', '-t', '0', 'web')
    expect(await cli.fails(['network', 'reload', 'web'])).toMatchObject({ code: 'CONTAINER_STOPPED' })
    expect(await cli.fails(['network', 'reload', 'nobody'])).toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
    await cli.ok('rm', '-f', 'web', 'alone')
  })
})

describe.skipIf(noNetworks)('a network', () => {
  it('of IPv6 alone leads out and in', async () => {
    await cli.ok('network', 'create', '--ipv4=false', '--ipv6', 'six')
    expect(await cli.ok('network', 'ls', '-f', 'name=six', '--format', '{{.IPv4}} {{.IPv6}}')).toBe('false true\n')
    await cli.ok('run', '-d', '--name', 'web6', '--network', 'six', '-p', '8081:80', image, ...serve)
    for (const address of ['192.0.2.1:8081', '[2001:db8::1]:8081']) expect(fetched(outside, address)).toBe('hello\n')
    expect(await cli.ok('exec', 'web6', 'ip', '-4', '-o', 'addr')).not.toContain('eth0')
    expect(await cli.ok('exec', 'web6', 'ip', '-6', 'route')).toContain('default via fd')
    await cli.ok('rm', '-f', 'web6')
    await cli.ok('network', 'rm', 'six')
  })

  it('without communication between its containers leads out all the same', async () => {
    const option = (words: string): readonly string[] => ['-o', `com.docker.network.${words}`]
    const options = [
      'bridge.enable_icc=false',
      'bridge.host_binding_ipv4=127.0.0.1',
      'driver.mtu=1400',
      'container_iface_prefix=net',
    ]
    await cli.ok('network', 'create', ...options.flatMap(option), '--subnet', '10.77.0.0/24', 'apart')
    await cli.ok('run', '-d', '--name', 'web', '--network', 'apart', '-p', '8082:80', image, ...serve)
    await cli.ok('run', '-d', '--name', 'guest', '--network', 'apart', image, 'sleep', '1000')
    expect(await cli.ok('port', 'web')).toBe('80/tcp -> 127.0.0.1:8082\n')
    expect(fetched(host, '127.0.0.1:8082')).toBe('hello\n')
    expect((await cli.run(['exec', 'guest', 'ping', '-c1', '-W1', '10.77.0.2'])).status).toBe(1)
    // Not by way of the gateway either.
    await cli.ok(
      'run',
      '--rm',
      '--network',
      'container:guest',
      '--cap-add',
      'NET_ADMIN',
      image,
      'ip',
      'route',
      'add',
      '10.77.0.2/32',
      'via',
      '10.77.0.1',
    )
    expect((await cli.run(['exec', 'guest', 'ping', '-c1', '-W1', '10.77.0.2'])).status).toBe(1)
    expect(await cli.ok('exec', 'guest', 'ping', '-c1', '-W30', '192.0.2.2')).toContain('1 packets received')
    expect(await cli.ok('exec', 'guest', 'cat', '/sys/class/net/net0/mtu')).toBe('1400\n')
    await cli.ok('rm', '-f', 'web', 'guest')
    await cli.ok('network', 'rm', 'apart')
  })

  it('that is internal is not the way out, even as the first one', async () => {
    await cli.ok('network', 'create', '--internal', 'inner')
    await cli.ok('network', 'create', 'outer')
    const both = ['run', '--rm', '--network', 'inner', '--network', 'outer', image]
    expect(await cli.ok(...both, 'ping', '-c1', '-W30', '192.0.2.2')).toContain('1 packets received')
    expect(await cli.ok('run', '--rm', '--network', 'inner', image, 'ip', 'route')).not.toContain('default')
    await cli.ok('network', 'rm', 'inner', 'outer')
  })

  it('may be a part of a larger one that the host knows', async () => {
    host.run('ip', 'route', 'add', '10.0.0.0/8', 'via', '192.0.2.2')
    host.run('ip', 'addr', 'add', '10.200.0.1/8', 'dev', 'wire')
    await cli.ok('network', 'create', '--subnet', '10.78.0.0/24', 'part')
    expect(await cli.ok('run', '--rm', '--network', 'part', image, 'ip', '-4', 'route')).toContain('10.78.0.0/24')
    await cli.ok('network', 'rm', 'part')
    await cli.ok('network', 'create', '--subnet', '10.200.0.0/24', 'same')
    expect(await cli.fails(['run', '--rm', '--network', 'same', image, 'true'])).toMatchObject({ code: 'SUBNET_TAKEN' })
    await cli.ok('network', 'rm', 'same')
    host.run('ip', 'addr', 'del', '10.200.0.1/8', 'dev', 'wire')
  })

  it('is described as docker describes it', async () => {
    await cli.ok('network', 'create', '--subnet', '10.79.0.0/24', '--aux-address', 'router=10.79.0.254', 'told')
    const inspect = async (name: string, format: string): Promise<unknown> =>
      JSON.parse(await cli.ok('network', 'inspect', '-f', `{{json ${format}}}`, name))
    expect(await inspect('told', '.IPAM')).toEqual({
      Driver: 'default',
      Options: {},
      Config: [{ Subnet: '10.79.0.0/24', Gateway: '10.79.0.1', AuxiliaryAddresses: { router: '10.79.0.254' } }],
    })
    expect(await inspect('bridge', '.Options')).toMatchObject({ 'com.docker.network.bridge.default_bridge': 'true' })
    expect(await inspect('none', '.IPAM.Config')).toBeNull()
    expect(await cli.fails(['network', 'create', 'none'])).toMatchObject({
      code: 'NETWORK_INVALID',
      message: 'operation is not permitted on predefined none network',
    })
    await cli.ok('network', 'rm', 'told')
  })
})
