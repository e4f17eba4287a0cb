import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, monitorOf, until } from '../helpers/container-cli.ts'
import { NetworkHost, noNetworks } from '../helpers/network-host.ts'
import { startRegistry } from '../helpers/registry.ts'
import { standIns, type Cli } from '../helpers/tsbuild.ts'
import { hasSubIdTools, noUsers, openUnprivilegedCli } from '../helpers/unprivileged.ts'

const noProgram = ['pasta', 'slirp4netns'].every((name) => spawnSync('which', [name]).status !== 0)
  ? 'neither pasta nor slirp4netns is installed'
  : false
if (noProgram !== false) console.warn(`skipped: ${noProgram}`)

describe.skipIf(noUsers || noNetworks || noProgram)('the networks of an unprivileged user', () => {
  let cli: Cli
  let host: NetworkHost
  let outside: NetworkHost
  beforeAll(async () => {
    host = await NetworkHost.create()
    outside = await NetworkHost.create()
    host.connectTo(outside)
    host.run('ip', 'route', 'add', 'default', 'via', '192.0.2.2')
    await using hub = await startRegistry({ seed: standIns })
    cli = openUnprivilegedCli({ hasSubIds: hasSubIdTools }, { hub: hub.origin, prefix: host.prefix })
    const pulled = await cli.run(['pull', '-q', image], { prefix: [] })
    expect(pulled.stderr).toBe('')
    await cli.ok('network', 'create', '--subnet', '10.77.0.0/24', 'own')
  })
  afterAll(async () => {
    await cli[Symbol.asyncDispose]()
    host.dispose()
    outside.dispose()
  })

  const start = (name: string, ...flags: readonly string[]): Promise<string> =>
    cli.ok('run', '-d', '--name', name, ...flags, image, 'sleep', '1000')
  const serveIn = (name: string, words: string): Promise<string> =>
    cli.ok('exec', '-d', name, 'sh', '-c', `while :; do echo ${words} | nc -l -p 80; done`)
  const addressesIn = async (name: string): Promise<readonly string[]> =>
    (await cli.ok('exec', name, 'ip', '-o', '-4', 'addr')).match(/(?<=inet )[\d.]+/g) ?? []
  /** A program may drop a connection whose one side ends at once: neither does, and what was dropped is tried again. */
  const leadsOut = (name: string, port: number): Promise<unknown> =>
    until(`there is a way out of ${name}`, async () => {
      const words = `sleep 1 | timeout 3 nc 192.0.2.2 ${port}`
      return (await cli.run(['exec', name, 'sh', '-c', words])).stdout.includes('192.0.2.1')
    })
  const ends = (): Promise<unknown> => until('the network is gone', async () => !existsSync(shared('holder.sock')))
  const shared = (name: string): string => join(cli.folder, 'run/netns', name)

  it('names, addresses and aliases', async () => {
    await start('one', '--network', 'own', '--ip', '10.77.0.50', '--network-alias', 'uno')
    await start('two', '--network', 'own')
    expect(await addressesIn('one')).toEqual(['127.0.0.1', '10.77.0.50'])
    for (const name of ['one', 'uno']) await cli.ok('exec', 'two', 'ping', '-c1', '-W5', name)
    expect(await cli.ok('inspect', '-f', '{{.NetworkSettings.Networks.own.IPAddress}}', 'one')).toBe('10.77.0.50\n')
    await cli.ok('rm', '-f', 'one', 'two')
    await ends()
    expect(readdirSync(shared('members'))).toEqual([])
  })

  it('ports lead in, the way out is there', async () => {
    await start('web', '--network', 'own', '-p', '8080:80', '-p', '127.0.0.1:8081:80')
    await serveIn('web', 'here')
    const asks = (net: NetworkHost, address: string, port: number): Promise<unknown> =>
      until(`${address}:${port} answers`, async () => net.ask('tcp', address, port) === 'here')
    await asks(host, '127.0.0.1', 8080)
    await asks(host, '::1', 8080)
    await asks(host, '127.0.0.1', 8081)
    await asks(outside, '192.0.2.1', 8080)
    expect(outside.ask('tcp', '192.0.2.1', 8081)).toBe('ECONNREFUSED')
    await outside.serve('tcp', '0.0.0.0', 8000)
    await leadsOut('web', 8000)
    expect(await cli.fails(['run', '--rm', '--network', 'own', '-p', '8080:80', image, 'true'])).toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining("the container 'web'") as string,
    })
    await cli.ok('rm', '-f', 'web')
    await ends()
    await until('the port is free', async () => !host.run('ss', '-ltnH').includes(':8080'))
  })

  it('joining and leaving while it runs', async () => {
    await cli.ok('network', 'create', 'other')
    await start('one', '--network', 'own')
    await start('two', '--network', 'other')
    await cli.ok('network', 'connect', '--alias', 'uno', '--ip', '10.77.0.9', 'own', 'two')
    await cli.ok('exec', 'one', 'ping', '-c1', '-W5', 'uno')
    await cli.ok('network', 'disconnect', 'other', 'two')
    await cli.ok('network', 'disconnect', 'own', 'two')
    expect(await addressesIn('two')).toEqual(['127.0.0.1'])
    await cli.ok('network', 'connect', 'own', 'two')
    await cli.ok('exec', 'two', 'ping', '-c1', '-W5', 'one')
    await cli.ok('run', '--rm', '--network', 'container:two', image, 'ping', '-c1', '-W5', 'one')
    await cli.ok('restart', '-t', '0', 'two')
    await cli.ok('exec', 'two', 'ping', '-c1', '-W5', 'one')
    await cli.ok('rm', '-f', 'one', 'two')
    await ends()
  })

  it('a container of the default network joins another one when it starts', async () => {
    await start('plain')
    expect(await cli.fails(['network', 'connect', 'own', 'plain'])).toMatchObject({
      code: 'CONTAINER_CONFLICT',
      hint: expect.stringContaining('tsbuild stop plain') as string,
    })
    await cli.ok('stop', '-t', '0', 'plain')
    await cli.ok('network', 'connect', 'own', 'plain')
    await cli.ok('start', 'plain')
    expect(await addressesIn('plain')).toHaveLength(3)
    await cli.ok('rm', '-f', 'plain')
    await ends()
  })

  it('a killed holder, program or monitor is recovered from', async () => {
    await start('one', '--network', 'own', '-p', '8080:80')
    await serveIn('one', 'here')
    process.kill(holderOf(shared('lock')), 'SIGKILL')
    await start('two', '--network', 'own', '--ip', '10.77.0.20', '-p', '8082:80')
    await cli.ok('exec', 'two', 'ping', '-c1', '-W5', 'one')
    await until('the port answers', async () => host.ask('tcp', '127.0.0.1', 8080) === 'here')
    process.kill(await monitorOf(cli, 'two'), 'SIGKILL')
    await until('it is seen', async () => (await cli.ok('ps', '-a', '--filter', 'name=two')).includes('Exited (255)'))
    const inside = ['nsenter', `--net=/proc/${await monitorOf(cli, 'one')}/ns/net`, 'nft', 'list', 'ruleset']
    expect(host.run(...inside)).toContain('10.77.0.')
    expect(host.run(...inside)).not.toContain('10.77.0.20')
    const holder = holderOf(shared('lock'))
    for (const child of childrenOf(holder)) process.kill(child, 'SIGKILL')
    await outside.serve('tcp', '0.0.0.0', 8001)
    await leadsOut('one', 8001)
    await cli.ok('rm', '-f', 'one', 'two')
    await ends()
  })
})

/** Pid of the process of that name that has the file open. */
function holderOf(lock: string): number {
  const found = readdirSync('/proc').find((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'tsbuild-network\n') return false
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === lock)
    } catch {
      return false // not a process, or one that ends
    }
  })
  if (found === undefined) throw new Error(`nobody holds ${lock}`)
  return Number(found)
}

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}
