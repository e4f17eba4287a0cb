import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, monitorOf, openContainerCli, until } from '../helpers/container-cli.ts'
import { NetworkHost, noNetworks } from '../helpers/network-host.ts'
import { noContainers } from '../helpers/runtime-bundle.ts'
import { projectHome, type Cli } from '../helpers/tsbuild.ts'

const save = ['iptables-legacy-save', 'iptables-save'].find((name) => spawnSync('which', [name]).status === 0)
const noTables = whyNot()
if (noTables !== false) console.warn(`skipped: ${noTables}`)

function whyNot(): string | false {
  if (save === undefined) return 'iptables is not installed'
  if (spawnSync('which', ['cc']).status !== 0) return 'there is no C compiler'
  const { status } = spawnSync('unshare', ['--net', save.replace('-save', ''), '-t', 'nat', '-L'])
  return status === 0 ? false : 'the kernel has no iptables'
}

describe.skipIf(noContainers || noNetworks || noTables)('a kernel without nftables', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-iptables-'))
  let host: NetworkHost
  let outside: NetworkHost
  let cli: Cli
  beforeAll(async () => {
    const program = join(folder, 'without_nftables')
    const source = join(projectHome, 'native/tests/without_nftables.c')
    expect(spawnSync('cc', ['-O1', '-D_GNU_SOURCE', '-o', program, source]).status).toBe(0)
    host = await NetworkHost.create()
    outside = await NetworkHost.create()
    host.connectTo(outside)
    cli = await openContainerCli([...host.prefix, program])
    await cli.ok('network', 'create', '--subnet', '10.88.0.0/24', '--ipv6', '--subnet', 'fd00:88::/64', 'own')
  })
  afterAll(async () => {
    await cli[Symbol.asyncDispose]()
    host.dispose()
    outside.dispose()
    rmSync(folder, { recursive: true })
  })

  const rules = (): string => host.run(save ?? '') + host.run((save ?? '').replace('iptables', 'ip6tables'))
  const serve = ['sh', '-c', 'while :; do echo here | nc -l -p 80; done'] as const
  const answers = (net: NetworkHost, address: string): Promise<unknown> =>
    until(`${address} answers`, async () => net.ask('tcp', address, 8080) === 'here')

  it('has networks, names and published ports by iptables', async () => {
    await cli.ok('run', '-d', '--name', 'web', '--network', 'own', '-p', '8080:80', image, ...serve)
    await cli.ok('run', '--rm', '--network', 'own', image, 'ping', '-c1', '-W5', 'web')
    await cli.ok('run', '--rm', '--network', 'own', image, 'ping', '-c1', '-W5', '192.0.2.2')
    for (const address of ['127.0.0.1', '::1', '192.0.2.1']) await answers(host, address)
    for (const address of ['192.0.2.1', '2001:db8::1']) await answers(outside, address)
    expect(outside.askInVain('tcp', '10.88.0.2', 80)).not.toBe('here')
    expect(host.rules()).not.toContain('tsbuild')
  })

  it('gets its rules back by a reload', async () => {
    const before = rules()
      .split('\n')
      .filter((line) => line.includes('tsbuild'))
    for (const table of ['nat', 'filter', 'raw']) host.run((save ?? '').replace('-save', ''), '-t', table, '-F')
    await cli.ok('network', 'reload', 'web')
    await answers(outside, '192.0.2.1')
    const after = rules()
      .split('\n')
      .filter((line) => line.includes('tsbuild'))
    expect(after.toSorted()).toEqual(before.toSorted())
  })

  it('keeps no rule of a container whose monitor was killed, nor of a network without one', async () => {
    process.kill(await monitorOf(cli, 'web'), 'SIGKILL')
    await until('it is seen', async () => (await cli.ok('ps', '-a')).includes('Exited (255)'))
    expect(rules()).not.toContain('dport 8080')
    await until('all rules are gone', async () => !/tsbuild/i.test(rules()))
    await cli.ok('rm', 'web')
  })
})
