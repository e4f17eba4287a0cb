import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseDeviceRule, readDevice } from '../../src/container/flags/device-flag.ts'
import { readEnv, parsePairs } from '../../src/container/flags/env-flag.ts'
import { parseExtraHost, parseHostname } from '../../src/container/flags/host-flag.ts'
import { parseLog } from '../../src/container/flags/log-flag.ts'
import { parseNamespace } from '../../src/container/flags/namespace-flag.ts'
import { parseNetworks } from '../../src/container/flags/network-flag.ts'
import { parseExpose, parsePublish } from '../../src/container/flags/publish-flag.ts'
import { parseRestart } from '../../src/container/flags/restart-flag.ts'
import { readSecurityOptions } from '../../src/container/flags/security-flag.ts'
import { parseSysctl } from '../../src/container/flags/sysctl-flag.ts'
import { parseUlimit } from '../../src/container/flags/ulimit-flag.ts'

/** Each grammar refuses these with USAGE. */
function refuses(name: string, parse: (text: string) => unknown, texts: readonly string[]): void {
  it.for(texts)(`${name} refuses "%s"`, async (text) => {
    await expect((async () => parse(text))()).rejects.toMatchObject({ code: 'USAGE' })
  })
}

describe('-p', () => {
  const tcp = { proto: 'tcp', hostIp: '', hostPort: 0 }
  it.for([
    ['80', [{ ...tcp, port: 80 }]],
    ['8080:80', [{ ...tcp, port: 80, hostPort: 8080 }]],
    ['53:53/udp', [{ ...tcp, proto: 'udp', port: 53, hostPort: 53 }]],
    ['3868:3868/SCTP', [{ ...tcp, proto: 'sctp', port: 3868, hostPort: 3868 }]],
    ['192.168.0.1:4321:80', [{ ...tcp, port: 80, hostPort: 4321, hostIp: '192.168.0.1' }]],
    ['127.0.0.1::80', [{ ...tcp, port: 80, hostIp: '127.0.0.1' }]],
    ['[::1]:8080:80', [{ ...tcp, port: 80, hostPort: 8080, hostIp: '::1' }]],
    [
      '7000-7001:8000-8001',
      [
        { ...tcp, port: 8000, hostPort: 7000 },
        { ...tcp, port: 8001, hostPort: 7001 },
      ],
    ],
    ['7000-7009:80', [{ ...tcp, port: 80, hostPort: 7000, hostPortLast: 7009 }]],
    [
      '8000-8001',
      [
        { ...tcp, port: 8000 },
        { ...tcp, port: 8001 },
      ],
    ],
  ] as const)('%s', ([text, want]) => {
    expect(parsePublish(text)).toEqual(want)
  })
  refuses('-p', parsePublish, [
    '',
    'x',
    '80:',
    '0:80',
    '70000:80',
    '80/sctpx',
    '1.2.3:80:80',
    '1-2:1-3',
    '2-1:5',
    'localhost:80:80',
    '1:2:3:4',
  ])
  it('--expose', () => {
    expect(parseExpose('80')).toEqual(['80/tcp'])
    expect(parseExpose('53-54/udp')).toEqual(['53/udp', '54/udp'])
  })
  refuses('--expose', parseExpose, ['', '80/x', '80/tcp/x', '-1'])
})

describe('--restart', () => {
  it.for([
    ['no', { policy: 'no', maxRetries: 0 }],
    ['', { policy: 'no', maxRetries: 0 }],
    ['always', { policy: 'always', maxRetries: 0 }],
    ['on-failure:5', { policy: 'on-failure', maxRetries: 5 }],
    ['unless-stopped', { policy: 'unless-stopped', maxRetries: 0 }],
  ] as const)('%s', ([text, want]) => {
    expect(parseRestart(text)).toEqual(want)
  })
  refuses('--restart', parseRestart, ['sometimes', 'always:3', 'on-failure:x', 'on-failure:1:2'])
})

describe('--ulimit', () => {
  it('takes one value or two', () => {
    expect(parseUlimit('nofile=10')).toEqual({ type: 'RLIMIT_NOFILE', soft: 10, hard: 10 })
    expect(parseUlimit('core=0:-1')).toEqual({ type: 'RLIMIT_CORE', soft: 0, hard: -1 })
  })
  refuses('--ulimit', parseUlimit, ['nofile', 'nofile=', 'nofile=5:4', 'nofile=-1:4', 'files=1', 'nofile=1:2:3'])
})

describe('logging', () => {
  it('is bounded unless asked otherwise', () => {
    expect(parseLog(undefined, [])).toEqual({
      driver: 'json-file',
      maxSize: 10 * 2 ** 20,
      maxFiles: 5,
      compress: false,
      options: {},
    })
    expect(parseLog('local', [])).toMatchObject({ compress: true })
    expect(parseLog('json-file', ['compress=true', 'mode=non-blocking'])).toMatchObject({ compress: true })
    expect(parseLog('local', ['max-size=1k', 'max-file=2'])).toMatchObject({
      driver: 'local',
      maxSize: 1024,
      maxFiles: 2,
    })
    expect(parseLog('json-file', ['max-size=-1'])).toMatchObject({ maxSize: 0 })
  })
  refuses('--log-driver', (text) => parseLog(text, []), ['syslog', ''])
  refuses('--log-opt', (text) => parseLog('json-file', [text]), [
    'max-size=big',
    'max-file=0',
    'color=red',
    'compress=maybe',
    'mode=other',
    'max-buffer-size=big',
    'labels-regex=(',
  ])
  it('compress needs a file to compress', () => {
    expect(() => parseLog('json-file', ['compress=true', 'max-file=1'])).toThrow('compress cannot be true')
    expect(() => parseLog('json-file', ['max-size=-1', 'compress=true'])).toThrow('compress cannot be true')
  })
})

describe('--network', () => {
  const flags = { networks: [], aliases: [], ip: undefined, ip6: undefined, mac: undefined }
  const endpoint = { network: 'bridge', aliases: [], ip: null, ip6: null, mac: null }
  it.for([
    [{}, { mode: 'bridge', endpoints: [endpoint] }],
    [{ networks: ['default'] }, { mode: 'bridge', endpoints: [endpoint] }],
    [{ networks: ['host'] }, { mode: 'host', endpoints: [] }],
    [{ networks: ['container:web'] }, { mode: { container: 'web' }, endpoints: [] }],
    [
      { networks: ['a', 'b'], aliases: ['x'], ip: '10.0.0.5' },
      {
        mode: 'bridge',
        endpoints: [
          { ...endpoint, network: 'a', aliases: ['x'], ip: '10.0.0.5' },
          { ...endpoint, network: 'b' },
        ],
      },
    ],
    [
      { networks: ['name=a,alias=x,alias=y,ip=10.0.0.9,mac-address=02-00-00-00-00-01'] },
      {
        mode: 'bridge',
        endpoints: [{ ...endpoint, network: 'a', aliases: ['x', 'y'], ip: '10.0.0.9', mac: '02:00:00:00:00:01' }],
      },
    ],
  ] as const)('%j', ([more, want]) => {
    expect(parseNetworks({ ...flags, ...more })).toEqual(want)
  })
  it.for([
    { networks: ['host', 'a'] },
    { networks: ['none'], ip: '10.0.0.1' },
    { networks: ['a'], ip: 'x' },
    { networks: ['a'], ip6: '10.0.0.1' },
    { networks: ['a'], mac: '02:00' },
    { networks: ['alias=x'] },
    { networks: ['name=a,color=red'] },
  ])('refuses %j', (more) => {
    expect(() => parseNetworks({ ...flags, ...more })).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('environment', () => {
  const { signal } = new AbortController()
  const env = (name: string): string | undefined => ({ HOME: '/h', EMPTY: '' })[name]
  const host = { env, signal }

  it('a name alone takes the caller’s value, or nothing', async () => {
    expect(await readEnv([], ['A=b=c', 'HOME', 'EMPTY', 'NOPE', 'B='], host)).toEqual([
      'A=b=c',
      'HOME=/h',
      'EMPTY=',
      'B=',
    ])
  })

  it('files come first, as they stand', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsbuild-env-'))
    const file = join(folder, 'env')
    writeFileSync(file, '\uFEFF# comment\n\nQUOTED="x y"\r\n  HOME\nDOLLAR=$HOME\n')
    expect(await readEnv([file], ['LAST=1'], host)).toEqual(['QUOTED="x y"', 'HOME=/h', 'DOLLAR=$HOME', 'LAST=1'])
    writeFileSync(file, '# comment\n\nGOOD=1\nBAD NAME=1\n')
    await expect(readEnv([file], [], host)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('line 4'),
    })
    await expect(readEnv([join(folder, 'nope')], [], host)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
    rmSync(folder, { recursive: true })
  })

  refuses('-e', (text) => readEnv([], [text], host), ['', '=x'])

  it('labels', async () => {
    expect(parsePairs(['a=b=c', 'd'])).toEqual({ a: 'b=c', d: '' })
  })
})

describe('the rest', () => {
  it('--add-host', () => {
    expect(parseExtraHost('db:10.0.0.1')).toBe('db:10.0.0.1')
    expect(parseExtraHost('db=[fd00::1]')).toBe('db:fd00::1')
    expect(parseExtraHost('host:host-gateway')).toBe('host:host-gateway')
  })
  refuses('--add-host', parseExtraHost, ['db', 'db:', ':1.2.3.4', 'db:nope', 'a b:1.2.3.4'])
  refuses('--hostname', parseHostname, ['', '-x', 'a b', 'x'.repeat(64)])

  it('--pid', () => {
    expect(parseNamespace('--pid', undefined)).toBe('own')
    expect(parseNamespace('--pid', 'host')).toBe('host')
    expect(parseNamespace('--pid', 'container:web')).toEqual({ container: 'web' })
  })
  refuses('--pid', (text) => parseNamespace('--pid', text), ['guest', 'container:'])

  it('--device', async () => {
    const device = { type: 'c', major: 1, minor: 3, access: 'rwm' }
    expect(await readDevice('/dev/null')).toEqual([{ ...device, path: '/dev/null' }])
    expect(await readDevice('/dev/null:/dev/x:r')).toEqual([
      { ...device, path: '/dev/x', hostPath: '/dev/null', access: 'r' },
    ])
    expect(await readDevice('/dev/null:rw')).toEqual([{ ...device, path: '/dev/null', access: 'rw' }])
  })
  it('--device of a directory: its devices, and not what its links lead to', async () => {
    const paths = (await readDevice('/dev:/x:r')).map(({ path }) => path)
    expect(paths).toContain('/x/null')
    expect(paths.filter((path) => /^\/x\/(fd|stdin|stdout|stderr)\b/.test(path))).toEqual([])
    expect(new Set(paths).size).toBe(paths.length)
  })
  refuses('--device', readDevice, ['null', '/dev/nope', '/etc/passwd', '/dev/null:x'])

  it('--device-cgroup-rule', () => {
    expect(parseDeviceRule('c 42:* rmw')).toEqual({ allow: true, type: 'c', major: 42, access: 'rmw' })
    expect(parseDeviceRule('a *:* rwm')).toEqual({ allow: true, type: 'a', access: 'rwm' })
  })
  refuses('--device-cgroup-rule', parseDeviceRule, ['c 42:*', 'x 1:1 r', 'c 1 r'])

  it('--sysctl is for parameters that a namespace has', () => {
    expect(parseSysctl('net.core.somaxconn=9', { network: false, ipc: false })).toEqual(['net.core.somaxconn', '9'])
    expect(parseSysctl('kernel.shmmax=1=2', { network: false, ipc: false })).toEqual(['kernel.shmmax', '1=2'])
  })
  refuses('--sysctl', (text) => parseSysctl(text, { network: true, ipc: true }), [
    'net.a=1',
    'kernel.sem=1',
    'kernel.hostname=x',
    'vm.swappiness=1',
    'net.a',
  ])

  it('--security-opt', async () => {
    const place = { architecture: 'amd64', capabilities: [], signal: new AbortController().signal }
    expect(
      await readSecurityOptions(['seccomp=unconfined', 'no-new-privileges', 'label=disable', 'apparmor:mine'], place),
    ).toEqual({
      seccomp: 'unconfined',
      apparmor: 'mine',
      noNewPrivileges: true,
      systemPathsUnconfined: false,
    })
    await expect(readSecurityOptions(['seccomp=/nope.json'], place)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
    await expect(readSecurityOptions(['color=red'], place)).rejects.toMatchObject({ code: 'USAGE' })
  })
})
