import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Monitored } from '../helpers/monitored.ts'
import { runPlan, type PlanAnswer } from '../helpers/native-plan.ts'
import { Netns, NetworkHost, noNetworks } from '../helpers/network-host.ts'
import { noContainers, scratch, until, type Scratch } from '../helpers/runtime-bundle.ts'

let own: Scratch
let host: NetworkHost
let outside: NetworkHost
let boxes: Monitored[] = []
let inside: Netns[] = []

beforeEach(async () => {
  own = scratch()
  host = await NetworkHost.create()
  outside = await NetworkHost.create()
  host.connectTo(outside)
})
afterEach(async () => {
  for (const netns of inside) netns.dispose()
  await Promise.all(boxes.map((box) => box.dispose()))
  try {
    await until(() => host.links().length === 2, 'the end of all interfaces')
    expect(host.rules()).not.toContain('tsbuild')
  } finally {
    boxes = []
    inside = []
    host.dispose()
    outside.dispose()
    own.dispose()
  }
})

interface Bridge {
  readonly name: string
  readonly addresses: readonly string[]
  readonly internal?: boolean
  readonly masquerade?: boolean
  readonly open?: boolean
}

const first: Bridge = { name: 'tst0', addresses: ['172.30.0.1/16'] }
const second: Bridge = { name: 'tst1', addresses: ['172.31.0.1/16'] }

interface Interface {
  readonly bridge?: Bridge
  readonly name?: string
  readonly address: string
  readonly more?: readonly string[]
  readonly gateways?: readonly string[]
  readonly names?: readonly string[]
}

/** `hex` of the last octet makes the hardware address unique. */
function interfaceOf({
  bridge = first,
  name = 'eth0',
  address,
  more = [],
  gateways = [bridge.addresses[0]!.split('/')[0]!],
  names,
}: Interface): object {
  const mac = ['02:42', ...address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':')
  return {
    name,
    bridge: { mtu: 1500, internal: false, masquerade: true, ...bridge },
    addresses: [`${address}/16`, ...more],
    mac,
    gateways,
    ...(names === undefined ? {} : { names: { dir: namesDir(bridge), entries: names } }),
  }
}

function namesDir(bridge: Bridge): string {
  mkdirSync(join(own.path, 'networks'), { recursive: true })
  return join(own.path, 'networks', bridge.name)
}

const port = (hostPort: number, address: string, more: object = {}): object => ({
  proto: 'tcp',
  hostIp: '0.0.0.0',
  hostPort,
  address,
  port: 80,
  ...more,
})

interface Network {
  readonly interfaces: readonly Interface[]
  readonly ports?: readonly object[]
  readonly dns?: object
}

const networkOf = ({ interfaces, ports = [], dns }: Network): object => ({
  mode: 'bridge',
  interfaces: interfaces.map(interfaceOf),
  ports,
  ...(dns === undefined ? {} : { dns }),
})

/** A container that sleeps. */
async function tryStart(
  name: string,
  network: Network,
): Promise<{ readonly box: Monitored; readonly answer: PlanAnswer }> {
  const box = new Monitored(own, `${name}-${own.path.slice(-6)}`)
  boxes.push(box)
  const answer = await box.start(['sleep', '1000'], {
    plan: { name, network: networkOf(network) },
    options: { prefix: host.prefix },
  })
  return { box, answer }
}

async function start(name: string, network: Network): Promise<{ readonly box: Monitored; readonly net: Netns }> {
  const { box, answer } = await tryStart(name, network)
  expect(answer.error).toBeUndefined()
  const net = new Netns(Number(answer.result?.['pid']))
  inside.push(net)
  return { box, net }
}

/** A container with a server on port 80. */
async function serving(
  name: string,
  network: Network,
  kind: 'tcp' | 'udp' = 'tcp',
  address = '0.0.0.0',
): Promise<{ readonly box: Monitored; readonly net: Netns }> {
  const started = await start(name, network)
  await started.net.serve(kind, address, 80)
  return started
}

const plan = (members: object): Promise<PlanAnswer> => runPlan({ verb: 'network', ...members }, { prefix: host.prefix })

describe.skipIf(noContainers || noNetworks)('an interface', () => {
  it('has its address, hardware address, route and no IPv6 of its own', async () => {
    const { net } = await start('one', { interfaces: [{ address: '172.30.0.2' }] })
    expect(net.run('ip', '-o', 'addr', 'show', 'eth0')).toMatch(
      /^2: eth0 +inet 172\.30\.0\.2\/16 brd 172\.30\.255\.255 scope global eth0/,
    )
    expect(net.run('ip', '-o', 'addr', 'show', 'eth0')).not.toContain('inet6')
    expect(net.run('ip', 'link', 'show', 'eth0')).toContain('02:42:ac:1e:00:02')
    expect(net.run('ip', 'link', 'show', 'lo')).toContain('LOOPBACK,UP')
    expect(net.run('ip', 'route').split('\n')[0]).toMatch(/^default via 172\.30\.0\.1 dev eth0/)
    expect(host.links()).toEqual(['lo', 'wire', 'tst0', expect.stringMatching(/^tsv/)])
  })

  it('leads out, under the address of the host', async () => {
    const { net } = await start('one', { interfaces: [{ address: '172.30.0.2' }] })
    await outside.serve('tcp', '0.0.0.0', 8000)
    await outside.serve('udp', '0.0.0.0', 8000)
    expect(net.ask('tcp', '192.0.2.2', 8000)).toBe('192.0.2.1 192.0.2.2')
    expect(net.ask('udp', '192.0.2.2', 8000)).toBe('192.0.2.1')
  })

  it('keeps its own address where the network does not masquerade', async () => {
    const { net } = await start('one', {
      interfaces: [{ address: '172.30.0.2', bridge: { ...first, masquerade: false } }],
    })
    await outside.serve('tcp', '0.0.0.0', 8000)
    expect(net.ask('tcp', '192.0.2.2', 8000)).toBe('172.30.0.2 192.0.2.2')
  })

  it('reaches its neighbours by any port, and nobody else reaches those', async () => {
    const a = await serving('a', { interfaces: [{ address: '172.30.0.2' }] })
    const b = await start('b', { interfaces: [{ address: '172.30.0.3' }] })
    const c = await start('c', { interfaces: [{ address: '172.31.0.2', bridge: second }] })
    outside.run('ip', 'route', 'replace', '172.30.0.0/16', 'via', '192.0.2.1')
    expect(b.net.ask('tcp', '172.30.0.2', 80)).toBe('172.30.0.3 172.30.0.2')
    expect(c.net.askInVain('tcp', '172.30.0.2', 80)).toBe('ETIMEDOUT')
    expect(outside.askInVain('tcp', '172.30.0.2', 80)).toBe('ETIMEDOUT')
    expect(host.ask('tcp', '172.30.0.2', 80)).toBe('172.30.0.1 172.30.0.2')
    expect(a.box.state().status).toBe('running')
  })

  it('of an internal network leads nowhere, even through a published port', async () => {
    const lonely: Bridge = { ...second, internal: true }
    await serving('open', { interfaces: [{ address: '172.30.0.2' }], ports: [port(8080, '172.30.0.2')] })
    const a = await serving('a', { interfaces: [{ address: '172.31.0.2', bridge: lonely, gateways: [] }] })
    const b = await start('b', { interfaces: [{ address: '172.31.0.3', bridge: lonely, gateways: [] }] })
    await outside.serve('tcp', '0.0.0.0', 8000)
    expect(b.net.ask('tcp', '172.31.0.2', 80)).toBe('172.31.0.3 172.31.0.2')
    expect(b.net.ask('tcp', '192.0.2.2', 8000)).toBe('ENETUNREACH')
    b.net.run('ip', 'route', 'add', 'default', 'via', '172.31.0.1')
    expect(b.net.askInVain('tcp', '192.0.2.2', 8000)).toBe('ETIMEDOUT')
    expect(b.net.askInVain('tcp', '172.30.0.2', 80)).toBe('ETIMEDOUT')
    expect(a.box.state().status).toBe('running')
  })

  it('does not lead to what the host serves on its loopback', async () => {
    const { net } = await start('one', { interfaces: [{ address: '172.30.0.2' }] })
    await host.serve('tcp', '127.0.0.1', 9000)
    net.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet')
    net.run('ip', 'addr', 'del', '127.0.0.1/8', 'dev', 'lo')
    net.run('ip', 'route', 'add', '127.0.0.1/32', 'via', '172.30.0.1', 'src', '172.30.0.2')
    expect(net.askInVain('tcp', '127.0.0.1', 9000)).toBe('ETIMEDOUT')
  })

  it('of IPv6 works as one of IPv4', async () => {
    const dual: Bridge = { ...first, addresses: ['172.30.0.1/16', 'fd00:30::1/64'] }
    const network = {
      interfaces: [
        { address: '172.30.0.2', bridge: dual, more: ['fd00:30::2/64'], gateways: ['172.30.0.1', 'fd00:30::1'] },
      ],
      ports: [port(8080, 'fd00:30::2', { hostIp: '::' })],
    }
    const { net } = await serving('six', network, 'tcp', '::')
    await outside.serve('tcp', '::', 8000)
    expect(net.ask('tcp', '2001:db8::2', 8000)).toBe('2001:db8::1 2001:db8::2')
    expect(outside.ask('tcp', '2001:db8::1', 8080)).toBe('2001:db8::2 fd00:30::2')
    expect(host.ask('tcp', '::1', 8080)).toBe('fd00:30::1 fd00:30::2')
    expect(host.ask('tcp', 'fd00:30::2', 80)).toBe('fd00:30::1 fd00:30::2')
  })

  it('among several has the routes that it was given', async () => {
    const { net } = await start('two', {
      interfaces: [{ address: '172.30.0.2' }, { address: '172.31.0.2', name: 'eth1', bridge: second, gateways: [] }],
    })
    const other = await serving('other', { interfaces: [{ address: '172.31.0.3', bridge: second }] })
    expect(net.run('ip', 'route')).toMatch(
      /^default via 172\.30\.0\.1 dev eth0 proto static \n172\.30\.0\.0\/16 dev eth0 .*\n172\.31\.0\.0\/16 dev eth1 /,
    )
    expect(net.ask('tcp', '172.31.0.3', 80)).toBe('172.31.0.2 172.31.0.3')
    expect(other.box.state().status).toBe('running')
  })
})

describe.skipIf(noContainers || noNetworks)('a published port', () => {
  it('is reached from everywhere, with the source where the kernel allows it', async () => {
    const web = await serving('web', {
      interfaces: [{ address: '172.30.0.2' }],
      ports: [port(8080, '172.30.0.2'), port(8080, '172.30.0.2', { hostIp: '::' })],
    })
    const neighbour = await start('neighbour', { interfaces: [{ address: '172.30.0.3' }] })
    const stranger = await start('stranger', { interfaces: [{ address: '172.31.0.2', bridge: second }] })
    const gateway = '172.30.0.1 172.30.0.2'
    expect(host.ask('tcp', '127.0.0.1', 8080)).toBe(gateway)
    expect(host.ask('tcp', '127.0.0.9', 8080)).toBe(gateway)
    expect(host.ask('tcp', '::1', 8080)).toBe(gateway)
    expect(host.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.1 172.30.0.2')
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.2 172.30.0.2')
    expect(outside.ask('tcp', '2001:db8::1', 8080)).toBe(gateway)
    expect(neighbour.net.ask('tcp', '172.30.0.1', 8080)).toBe(gateway)
    expect(neighbour.net.ask('tcp', '192.0.2.1', 8080)).toBe(gateway)
    expect(web.net.ask('tcp', '192.0.2.1', 8080)).toBe(gateway)
    expect(stranger.net.ask('tcp', '192.0.2.1', 8080)).toBe('172.30.0.1 172.30.0.2')
    expect(host.run('ss', '-ltnH')).toMatch(/0\.0\.0\.0:8080[^]*\[::\]:8080/)
  })

  it('SCTP ports lead in by the kernel alone', async () => {
    const { box } = await start('gateway', {
      interfaces: [{ address: '172.30.0.2' }],
      ports: [port(38_412, '172.30.0.2', { proto: 'sctp' })],
    })
    expect(host.rules()).toContain('sctp dport 38412 dnat ip to 172.30.0.2:80')
    await box.ask({ op: 'stop', timeoutMs: 0 })
    await until(() => !host.rules().includes('38412'), 'the end of the rule')
  })

  it('of UDP as well, and its flows do not outlive the container', async () => {
    const ports = [port(5000, '172.30.0.2', { proto: 'udp' }), port(5000, '172.30.0.2', { proto: 'udp', hostIp: '::' })]
    const one = await serving('one', { interfaces: [{ address: '172.30.0.2' }], ports }, 'udp')
    expect(host.ask('udp', '127.0.0.1', 5000)).toBe('172.30.0.1')
    expect(host.ask('udp', '::1', 5000)).toBe('172.30.0.1')
    expect(outside.ask('udp', '192.0.2.1', 5000)).toBe('192.0.2.2')
    await one.box.dispose()
    const flows = (): string => host.run('sh', '-c', 'cat /proc/net/nf_conntrack 2>/dev/null || true')
    expect(flows()).not.toContain('dport=5000')
    await serving(
      'two',
      { interfaces: [{ address: '172.30.0.7' }], ports: [port(5000, '172.30.0.7', { proto: 'udp' })] },
      'udp',
    )
    expect(outside.ask('udp', '192.0.2.1', 5000)).toBe('192.0.2.2')
  })

  it('of one address is not on the others', async () => {
    await serving('web', {
      interfaces: [{ address: '172.30.0.2' }],
      ports: [port(8080, '172.30.0.2', { hostIp: '127.0.0.1' })],
    })
    expect(host.ask('tcp', '127.0.0.1', 8080)).toBe('172.30.0.1 172.30.0.2')
    expect(host.ask('tcp', '192.0.2.1', 8080)).toBe('ECONNREFUSED')
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('ECONNREFUSED')
    outside.run('ip', 'route', 'add', '127.0.0.1/32', 'via', '192.0.2.1', 'src', '192.0.2.2', 'table', '7')
    expect(host.rules()).toContain('ip daddr 127.0.0.1 tcp dport 8080 dnat ip to 172.30.0.2:80')
  })

  it('is given to one holder, whose name the next one hears', async () => {
    await serving('web', { interfaces: [{ address: '172.30.0.2' }], ports: [port(8080, '172.30.0.2')] })
    const { answer, box } = await tryStart('late', {
      interfaces: [{ address: '172.30.0.3' }],
      ports: [port(8081, '172.30.0.3'), port(8080, '172.30.0.3')],
    })
    expect(answer.error).toMatchObject({
      code: 'PORT_TAKEN',
      message: "cannot publish 0.0.0.0:8080/tcp: held by the container 'web'",
    })
    expect(box.state()).toMatchObject({ status: 'created', pid: 0, error: answer.error?.message })
    await until(() => host.links().length === 4, 'the end of its interface')
    expect(host.run('ss', '-ltnH')).not.toContain(':8081')
    expect(host.ask('tcp', '127.0.0.1', 8080)).toBe('172.30.0.1 172.30.0.2')
  })

  it.for(['tcp', 'udp'] as const)('that a program of the host holds is not given (%s)', async (proto) => {
    await host.serve(proto, '127.0.0.1', 8080)
    const { answer } = await tryStart('late', {
      interfaces: [{ address: '172.30.0.3' }],
      ports: [port(8080, '172.30.0.3', { proto })],
    })
    expect(answer.error).toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringMatching(
        new RegExp(`^cannot publish 0\\.0\\.0\\.0:8080/${proto}: held by .+ \\(pid \\d+\\)$`),
      ),
    })
  })

  it('of an address that the host does not have is an error', async () => {
    const { answer } = await tryStart('late', {
      interfaces: [{ address: '172.30.0.3' }],
      ports: [port(8080, '172.30.0.3', { hostIp: '198.51.100.7' })],
    })
    expect(answer.error).toMatchObject({
      code: 'NETWORK_FAILED',
      errno: 'EADDRNOTAVAIL',
      message: expect.stringContaining('198.51.100.7:8080/tcp'),
    })
  })

  it('may be one of very many', async () => {
    const ports = Array.from({ length: 1000 }, (_, index) => port(10_000 + index, '172.30.0.2', { port: 80 }))
    await serving('web', { interfaces: [{ address: '172.30.0.2' }], ports })
    expect(host.ask('tcp', '127.0.0.1', 10_000)).toBe('172.30.0.1 172.30.0.2')
    expect(outside.ask('tcp', '192.0.2.1', 10_999)).toBe('192.0.2.2 172.30.0.2')
  })

  it('moves much data through the relay', async () => {
    const { net } = await start('web', {
      interfaces: [{ address: '172.30.0.2' }],
      ports: [port(8080, '172.30.0.2', { hostIp: '::' })],
    })
    await net.serve('echo', '0.0.0.0', 80)
    const client = `const s=require('net').connect(8080,'::1');let n=0,bad=0;s.on('data',(c)=>{for(const b of c)if(b!==n++%251)bad++});s.on('end',()=>console.log(n,bad));const d=Buffer.from(Array.from({length:3000000},(_,i)=>i%251));s.end(d)`
    expect(host.run(process.execPath, '-e', client).trim()).toBe('3000000 0')
  })
})

describe.skipIf(noContainers || noNetworks)('names', () => {
  const dns = { servers: [] }

  it('of the others on the network are known, forward and backward', async () => {
    const a = await start('a', { interfaces: [{ address: '172.30.0.2', names: ['a', 'a.net', 'shared'] }], dns })
    const b = await start('b', { interfaces: [{ address: '172.30.0.3', names: ['B', 'shared'] }], dns })
    expect(b.net.resolve('A', 'a')).toBe('["172.30.0.2"]')
    expect(b.net.resolve('A', 'A.Net')).toBe('["172.30.0.2"]')
    expect(a.net.resolve('A', 'b')).toBe('["172.30.0.3"]')
    expect(a.net.resolve('A', 'shared')).toBe('["172.30.0.2","172.30.0.3"]')
    expect(a.net.resolve('PTR', '172.30.0.3')).toBe('["B"]')
    expect(a.net.resolve('AAAA', 'b')).toBe('ENODATA')
    expect(a.net.resolve('A', 'elsewhere.example')).toBe('ENOTFOUND')
    await b.box.dispose()
    expect(a.net.resolve('A', 'b')).toBe('ENOTFOUND')
    expect(a.net.resolve('A', 'shared')).toBe('["172.30.0.2"]')
    expect(readdirSync(namesDir(first))).toEqual([a.box.id])
  })

  it('of other networks are not', async () => {
    const a = await start('a', { interfaces: [{ address: '172.30.0.2', names: ['a'] }], dns })
    const both = await start('both', {
      interfaces: [
        { address: '172.30.0.3', names: ['both'] },
        { address: '172.31.0.3', name: 'eth1', bridge: second, gateways: [], names: ['both'] },
      ],
      dns,
    })
    await start('b', { interfaces: [{ address: '172.31.0.2', bridge: second, names: ['b'] }], dns })
    expect(a.net.resolve('A', 'b')).toBe('ENOTFOUND')
    expect(a.net.resolve('A', 'both')).toBe('["172.30.0.3"]')
    expect(both.net.resolve('A', 'a')).toBe('["172.30.0.2"]')
    expect(both.net.resolve('A', 'b')).toBe('["172.31.0.2"]')
  })

  it('outside are asked of the servers of the host, even on its loopback', async () => {
    await host.serve('dns', '127.0.0.53', 53)
    const { net } = await start('a', {
      interfaces: [{ address: '172.30.0.2', names: ['a'] }],
      dns: { servers: ['127.0.0.7', '127.0.0.53'] },
    })
    expect(net.resolve('A', 'elsewhere.example')).toBe('["10.9.8.7"]')
    expect(net.resolve('A', 'a')).toBe('["172.30.0.2"]')
    expect(net.ask('udp', '127.0.0.53', 53)).toBe('ECONNREFUSED')
  })

  it('leave port 53 of the container to the container', async () => {
    const { net } = await start('a', { interfaces: [{ address: '172.30.0.2', names: ['a'] }], dns })
    await net.serve('udp', '0.0.0.0', 53)
    await net.serve('tcp', '0.0.0.0', 53)
    expect(net.ask('udp', '127.0.0.1', 53)).toBe('127.0.0.1')
    expect(net.resolve('A', 'a')).toBe('["172.30.0.2"]')
  })

  it('are gone after a kill of the monitor and a sweep', async () => {
    const a = await start('a', {
      interfaces: [{ address: '172.30.0.2', names: ['a'] }],
      ports: [port(8080, '172.30.0.2')],
      dns,
    })
    const b = await start('b', {
      interfaces: [{ address: '172.30.0.3', names: ['b'] }],
      ports: [port(8081, '172.30.0.3')],
      dns,
    })
    const monitor = monitorPid(a.net.pid)
    process.kill(monitor, 'SIGKILL')
    // Its lock is free when it has closed its descriptors, which is before anybody reaps it.
    await until(() => /^(\d+ \(.*\) Z|$)/.test(statusOf(monitor)), 'the end of the monitor')
    expect(host.rules()).toContain('dport 8080')
    const { result } = await plan({ op: 'sweep', names: [namesDir(first)] })
    expect(result).toMatchObject({ rules: 1, names: 1, bridges: 0 })
    expect(host.rules()).not.toContain('dport 8080')
    expect(host.rules()).toContain('dport 8081')
    expect(b.net.resolve('A', 'a')).toBe('ENOTFOUND')
    await b.box.dispose()
    await until(() => host.links().length === 2, 'the end of the bridge')
  })
})

/** Line of /proc/PID/stat; empty when the process is gone. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return ''
  }
}

function monitorPid(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

describe.skipIf(noContainers || noNetworks)('a change while it runs', () => {
  it('adds and takes away interfaces and ports, and leaves the rest alone', async () => {
    const base = { address: '172.30.0.2', names: ['web'] }
    const web = await serving('web', { interfaces: [base], ports: [port(8080, '172.30.0.2')], dns: { servers: [] } })
    const other = await start('other', {
      interfaces: [{ address: '172.31.0.2', bridge: second, names: ['other'] }],
      dns: { servers: [] },
    })
    expect(web.net.askInVain('tcp', '172.31.0.2', 81)).toBe('ETIMEDOUT')
    const joined = {
      interfaces: [base, { address: '172.31.0.3', name: 'eth1', bridge: second, gateways: [], names: ['web'] }],
      ports: [port(8080, '172.30.0.2'), port(8081, '172.30.0.2')],
      dns: { servers: [] },
    }
    await web.box.ask({ op: 'network', network: networkOf(joined) })
    expect(other.net.ask('tcp', '172.31.0.3', 80)).toBe('172.31.0.2 172.31.0.3')
    expect(other.net.resolve('A', 'web')).toBe('["172.31.0.3"]')
    expect(web.net.resolve('A', 'other')).toBe('["172.31.0.2"]')
    for (const number of [8080, 8081]) expect(outside.ask('tcp', '192.0.2.1', number)).toBe('192.0.2.2 172.30.0.2')
    const moved = {
      interfaces: [{ address: '172.31.0.3', name: 'eth1', bridge: second, names: ['web'] }],
      ports: [port(8082, '172.31.0.3')],
      dns: { servers: [] },
    }
    await web.box.ask({ op: 'network', network: networkOf(moved) })
    expect(web.net.run('ip', 'route')).toMatch(/^default via 172\.31\.0\.1 dev eth1/)
    expect(outside.ask('tcp', '192.0.2.1', 8082)).toBe('192.0.2.2 172.31.0.3')
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('ECONNREFUSED')
    expect(host.links()).not.toContain('tst0')
  })

  it('that fails changes nothing', async () => {
    await host.serve('tcp', '0.0.0.0', 8081)
    const web = await serving('web', { interfaces: [{ address: '172.30.0.2' }], ports: [port(8080, '172.30.0.2')] })
    const before = [host.links(), host.rules()]
    const taken = {
      interfaces: [{ address: '172.30.0.2' }, { address: '172.31.0.3', name: 'eth1', bridge: second }],
      ports: [port(8080, '172.30.0.2'), port(8081, '172.30.0.2')],
    }
    await expect(web.box.ask({ op: 'network', network: networkOf(taken) })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
    })
    const overlap: Bridge = { name: 'tst2', addresses: ['192.0.2.77/24'] }
    const clash = {
      interfaces: [{ address: '172.30.0.2' }, { address: '192.0.2.78', name: 'eth1', bridge: overlap }],
      ports: [port(8083, '172.30.0.2')],
    }
    await expect(web.box.ask({ op: 'network', network: networkOf(clash) })).rejects.toMatchObject({
      code: 'SUBNET_TAKEN',
    })
    expect([host.links(), host.rules()]).toEqual(before)
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.2 172.30.0.2')
  })

  it('writes the rules again when somebody flushed them', async () => {
    const web = await serving('web', { interfaces: [{ address: '172.30.0.2' }], ports: [port(8080, '172.30.0.2')] })
    host.run('nft', 'flush', 'ruleset')
    expect(outside.askInVain('tcp', '192.0.2.1', 8080)).not.toBe('192.0.2.2 172.30.0.2')
    await web.box.ask({ op: 'network-reload' })
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.2 172.30.0.2')
  })

  it('makes bridge, interface and forwarding again when somebody took them away', async () => {
    await outside.serve('tcp', '0.0.0.0', 8000)
    const one = await serving('one', { interfaces: [{ address: '172.30.0.2' }], ports: [port(8080, '172.30.0.2')] })
    const two = await start('two', { interfaces: [{ address: '172.30.0.3' }] })
    host.run('ip', 'link', 'del', 'tst0')
    two.net.run('ip', 'link', 'del', 'eth0')
    host.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward')
    for (const { box } of [one, two]) await box.ask({ op: 'network-reload' })
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.2 172.30.0.2')
    expect(two.net.ask('tcp', '192.0.2.2', 8000)).toBe('192.0.2.1 192.0.2.2')
    expect(two.net.ask('tcp', '172.30.0.2', 80)).toBe('172.30.0.3 172.30.0.2')
  })

  it('is done by the start of the next container as well, for its bridge', async () => {
    const { net } = await start('a', { interfaces: [{ address: '172.30.0.2' }] })
    host.run('nft', 'flush', 'ruleset')
    await start('b', { interfaces: [{ address: '172.30.0.3' }] })
    await outside.serve('tcp', '0.0.0.0', 8000)
    expect(net.ask('tcp', '192.0.2.2', 8000)).toBe('192.0.2.1 192.0.2.2')
  })
})

describe.skipIf(noContainers || noNetworks)('the host', () => {
  it('with a dockerd gets an accept beside its drop, as long as the bridge stands', async () => {
    for (const [family, address] of [
      ['ip', '172.30.0.2'],
      ['ip6', ''],
    ] as const) {
      host.run(
        'nft',
        `add table ${family} filter; add chain ${family} filter FORWARD { type filter hook forward priority filter; policy drop; }; add chain ${family} filter DOCKER-USER; add rule ${family} filter FORWARD jump DOCKER-USER`,
      )
      expect(address).toBeDefined()
    }
    await outside.serve('tcp', '0.0.0.0', 8000)
    const web = await serving('web', { interfaces: [{ address: '172.30.0.2' }], ports: [port(8080, '172.30.0.2')] })
    const other = await start('other', { interfaces: [{ address: '172.31.0.2', bridge: second }] })
    expect(web.net.ask('tcp', '192.0.2.2', 8000)).toBe('192.0.2.1 192.0.2.2')
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.2 172.30.0.2')
    expect(other.net.askInVain('tcp', '172.30.0.2', 80)).toBe('ETIMEDOUT')
    const shown = host.run('iptables-nft', '-S', 'DOCKER-USER')
    expect(shown.split('\n').filter((line) => line.includes('tst0'))).toEqual([
      expect.stringContaining('-o tst0'),
      expect.stringContaining('-i tst0'),
    ])
    await Promise.all([web.box.dispose(), other.box.dispose()])
    await until(() => host.links().length === 2, 'the end of the bridges')
    expect(host.rules()).toContain('DOCKER-USER')
    expect(host.rules()).not.toContain('tst0')
  })

  it('with a firewall that drops keeps its say', async () => {
    host.run(
      'nft',
      'add table inet firewall; add chain inet firewall forward { type filter hook forward priority 10; policy drop; }',
    )
    await serving('web', { interfaces: [{ address: '172.30.0.2' }], ports: [port(8080, '172.30.0.2')] })
    expect(outside.askInVain('tcp', '192.0.2.1', 8080)).toBe('ETIMEDOUT')
    expect(host.ask('tcp', '127.0.0.1', 8080)).toBe('172.30.0.1 172.30.0.2')
  })

  it('with a firewall that drops lets an open bridge pass, as long as it stands', async () => {
    const firewalls = [
      'table inet firewall { chain forward { type filter hook forward priority 10; policy drop; }; chain other { accept; }; }',
      'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }',
    ]
    for (const text of firewalls) host.run('sh', '-c', `echo '${text}' | nft -f -`)
    const before = host.rules()
    const open = { ...first, open: true }
    const web = await serving('web', {
      interfaces: [{ address: '172.30.0.2', bridge: open }],
      ports: [port(8080, '172.30.0.2')],
    })
    await start('shut', { interfaces: [{ address: '172.31.0.2', bridge: second }], ports: [port(8081, '172.31.0.2')] })
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.2 172.30.0.2')
    expect(outside.askInVain('tcp', '192.0.2.1', 8081)).toBe('ETIMEDOUT')
    // What is not published stays out of reach.
    expect(outside.askInVain('tcp', '172.30.0.2', 80)).toBe('ETIMEDOUT')
    // The firewall is loaded anew.
    for (const text of firewalls) host.run('sh', '-c', `nft flush table ${text.split(' ').slice(1, 3).join(' ')}`)
    expect(outside.askInVain('tcp', '192.0.2.1', 8080)).toBe('ETIMEDOUT')
    await web.box.ask({ op: 'network-reload' })
    expect(outside.ask('tcp', '192.0.2.1', 8080)).toBe('192.0.2.2 172.30.0.2')
    await Promise.all(boxes.map((box) => box.dispose()))
    boxes = []
    await until(() => host.links().length === 2, 'the end of the bridges')
    expect(host.rules()).toBe(before.replace('\t\taccept\n', ''))
  })

  it('keeps an interface that is not ours', async () => {
    host.run('ip', 'link', 'add', 'tst0', 'type', 'bridge')
    const { answer } = await tryStart('a', { interfaces: [{ address: '172.30.0.2' }] })
    expect(answer.error).toMatchObject({
      code: 'NETWORK_FAILED',
      message: "the interface 'tst0' was not made by tsbuild",
    })
    expect((await plan({ op: 'bridge-remove', name: 'tst0' })).result).toMatchObject({ removed: false })
    expect((await plan({ op: 'sweep' })).result).toMatchObject({ bridges: 0, interfaces: 0, rules: 0, names: 0 })
    expect(host.links()).toContain('tst0')
    host.run('ip', 'link', 'del', 'tst0')
  })

  it('with an address in the range is told', async () => {
    host.run('ip', 'addr', 'add', '172.30.5.5/24', 'dev', 'wire')
    const { answer } = await tryStart('a', { interfaces: [{ address: '172.30.0.2' }] })
    expect(answer.error).toMatchObject({ code: 'SUBNET_TAKEN', message: expect.stringContaining("'wire'") })
    // Nothing leaves by an interface that is down.
    host.run('ip', 'addr', 'del', '172.30.5.5/24', 'dev', 'wire')
    host.run('ip', 'link', 'add', 'idle', 'type', 'bridge')
    host.run('ip', 'addr', 'add', '172.30.5.5/24', 'dev', 'idle')
    const { box } = await start('b', { interfaces: [{ address: '172.30.0.2' }] })
    await box.dispose()
    host.run('ip', 'link', 'del', 'idle')
  })

  it('makes and removes bridges on their own', async () => {
    const bridge = { ...first, mtu: 1400, internal: false, masquerade: true }
    host.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward')
    expect((await plan({ op: 'bridge-ensure', bridge })).result).toMatchObject({ forwardingSwitched: true })
    expect((await plan({ op: 'bridge-ensure', bridge })).result).toMatchObject({ forwardingSwitched: false })
    expect(host.run('ip', 'link', 'show', 'tst0')).toContain('mtu 1400')
    const { box } = await start('a', { interfaces: [{ address: '172.30.0.2' }] })
    expect((await plan({ op: 'bridge-remove', name: 'tst0' })).result).toMatchObject({ removed: false })
    await box.dispose()
    expect((await plan({ op: 'bridge-ensure', bridge })).error).toBeUndefined()
    expect((await plan({ op: 'bridge-remove', name: 'tst0', wait: false })).result).toMatchObject({ removed: null })
    await until(() => host.links().length === 2, 'the end of the bridge')
    expect((await plan({ op: 'bridge-remove', name: 'tst0' })).result).toMatchObject({ removed: false })
  })

  it('is told what is wrong with a plan', async () => {
    const bad = [
      [{ interfaces: [{ address: '172.30.0' }] }, 'addresses'],
      [{ interfaces: [{ address: '172.30.0.2', name: 'far-too-long-a-name' }] }, 'interface name'],
      [{ interfaces: [{ address: '172.30.0.2' }, { address: '172.30.0.3' }] }, 'two interfaces'],
      [{ interfaces: [{ address: '172.30.0.2' }], ports: [port(0, '172.30.0.2')] }, 'hostPort'],
      [{ interfaces: [{ address: '172.30.0.2' }], ports: [port(80, '172.30.0.2', { proto: 'dccp' })] }, 'proto'],
      [{ interfaces: [{ address: '172.30.0.2', names: ['two words'] }] }, 'host name'],
    ] as const
    for (const [network, message] of bad) {
      const { answer } = await tryStart('bad', network)
      expect(answer.error).toMatchObject({ code: 'PLAN_INVALID', message: expect.stringContaining(message) })
    }
  })
})

const noPasta = spawnSync('which', ['pasta']).status === 0 ? false : 'pasta (package passt) is not installed'
if (noPasta !== false) console.warn(`skipped: ${noPasta}`)

const noSlirp = spawnSync('which', ['slirp4netns']).status === 0 ? false : 'slirp4netns is not installed'
if (noSlirp !== false) console.warn(`skipped: ${noSlirp}`)

describe.skipIf(noContainers || noNetworks || noPasta)('without privileges', () => {
  async function startPasta(members: object): Promise<{ readonly box: Monitored; readonly answer: PlanAnswer }> {
    host.run('ip', 'route', 'add', 'default', 'via', '192.0.2.2')
    const box = new Monitored(own, `pasta-${own.path.slice(-6)}`)
    boxes.push(box)
    const options = { prefix: host.prefix }
    const answer = await box.start(['sleep', '1000'], {
      plan: { network: { mode: 'user', ports: [], ...members } },
      options,
    })
    return { box, answer }
  }

  /** `seen` is what a server inside sees of somebody who comes in by a port: the client, and itself. */
  async function leadsOutAndIn(members: object, seen: string, check?: (net: Netns) => void): Promise<void> {
    const ports = [
      port(8080, '0.0.0.0'),
      port(8080, '0.0.0.0', { hostIp: '::' }),
      port(5000, '0.0.0.0', { proto: 'udp' }),
    ]
    const { answer, box } = await startPasta({ ports, ...members })
    expect(answer.error).toBeUndefined()
    const net = new Netns(Number(answer.result?.['pid']))
    inside.push(net)
    await net.serve('tcp', '0.0.0.0', 80)
    await outside.serve('tcp', '0.0.0.0', 8000)
    expect(net.ask('tcp', '192.0.2.2', 8000)).toBe('192.0.2.1 192.0.2.2')
    expect(host.ask('tcp', '127.0.0.1', 8080)).toBe(seen)
    check?.(net)
    await box.dispose()
    await until(() => !host.run('ss', '-ltnH').includes(':8080'), 'the end of its ports')
  }

  it('pasta leads out and in', async () => {
    await host.serve('dns', '127.0.0.53', 53)
    await leadsOutAndIn({ dns: { servers: ['127.0.0.53'] } }, '127.0.0.1 127.0.0.1', (net) =>
      expect(net.resolve('A', 'elsewhere.example')).toBe('["10.9.8.7"]'),
    )
  })

  it('pasta need not keep the descriptors that it is given', async () => {
    const folder = join(own.path, 'bin')
    mkdirSync(folder)
    const real = spawnSync('which', ['pasta'], { encoding: 'utf8' }).stdout.trim()
    // As current releases: all but the standard ones are closed before the arguments are read.
    writeFileSync(join(folder, 'pasta'), `#!/bin/sh\nexec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-\nexec ${real} "$@"\n`, {
      mode: 0o755,
    })
    const { answer } = await startPasta({ program: join(folder, 'pasta') })
    expect(answer.error).toBeUndefined()
    const net = new Netns(Number(answer.result?.['pid']))
    await outside.serve('tcp', '0.0.0.0', 8000)
    expect(net.ask('tcp', '192.0.2.2', 8000)).toBe('192.0.2.1 192.0.2.2')
  })

  it.skipIf(noSlirp)('slirp4netns leads out and in', async () => {
    const program = spawnSync('which', ['slirp4netns'], { encoding: 'utf8' }).stdout.trim()
    await leadsOutAndIn({ program }, '10.0.2.2 10.0.2.100')
  })

  it.skipIf(noSlirp)('a port that slirp4netns cannot have is said so', async () => {
    await host.serve('tcp', '0.0.0.0', 8080)
    const program = { program: spawnSync('which', ['slirp4netns'], { encoding: 'utf8' }).stdout.trim() }
    const { answer } = await startPasta({ ports: [port(8080, '0.0.0.0')], ...program })
    expect(answer.error).toMatchObject({ code: 'PORT_TAKEN' })
  })

  it('a port that is taken is said so', async () => {
    await host.serve('tcp', '0.0.0.0', 8080)
    const { answer } = await startPasta({ ports: [port(8080, '0.0.0.0')] })
    expect(answer.error).toMatchObject({ code: 'PORT_TAKEN', message: expect.stringContaining('0.0.0.0:8080/tcp') })
  })

  it('a program that is missing is said so', async () => {
    const { answer } = await startPasta({ program: '/nonexistent/pasta' })
    expect(answer.error).toMatchObject({
      code: 'FEATURE_MISSING',
      message: expect.stringContaining("'/nonexistent/pasta'"),
    })
  })
})

describe.skipIf(noContainers || noNetworks)('many at once', () => {
  it('30 containers start and stop side by side', async () => {
    const numbers = Array.from({ length: 30 }, (_, index) => index + 2)
    const started = await Promise.all(
      numbers.map((number) =>
        tryStart(`c${number}`, {
          interfaces: [{ address: `172.30.0.${number}`, names: [`c${number}`] }],
          ports: [port(9000 + number, `172.30.0.${number}`)],
          dns: { servers: [] },
        }),
      ),
    )
    expect(started.map(({ answer }) => answer.error)).toEqual(numbers.map(() => undefined))
    const net = new Netns(Number(started[0]?.answer.result?.['pid']))
    expect(net.resolve('A', 'c31')).toBe('["172.30.0.31"]')
    expect(host.rules().match(/dnat ip to/g)?.length).toBe(30)
    await Promise.all(boxes.map((box) => box.ask({ op: 'stop', timeoutMs: 0 })))
  })
})
