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
const fetched = (from: NetworkHost, address: string): string =>
  from.run('curl', '-s', '-m', '3', '--retry', '5', '--retry-connrefused', '--retry-delay', '1', `http://${address}/`)

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
