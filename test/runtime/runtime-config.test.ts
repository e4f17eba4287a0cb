import { describe, expect, it } from 'vitest'
import { runtimeConfig } from '../../src/runtime/runtime-config.ts'
import type { RuntimeSpec } from '../../src/runtime/runtime-config.ts'

const spec: RuntimeSpec = {
  id: 'abc',
  architecture: 'amd64',
  network: 'bridge',
  hostname: 'box',
  process: { args: ['true'], env: ['A=b'], cwd: '', user: '' },
}
const config = (more: Partial<RuntimeSpec> = {}) => runtimeConfig({ ...spec, ...more })
const namespaceTypes = (more: Partial<RuntimeSpec>) =>
  config(more).linux.namespaces.map(({ type, path }) => path ?? type)
const destinations = (more: Partial<RuntimeSpec>) => config(more).mounts.map(({ destination }) => destination)

describe('defaults', () => {
  it('has namespaces of its own, a cgroup, a host name, the root as working directory', () => {
    const made = config()
    expect(namespaceTypes({})).toEqual(['mount', 'pid', 'ipc', 'uts', 'cgroup', 'network'])
    expect(made.linux.cgroupsPath).toBe('/tsbuild/abc')
    expect(made.hostname).toBe('box')
    expect(made.process.cwd).toBe('/')
    expect(made.process.noNewPrivileges).toBe(false)
    expect(made.root).toBeUndefined()
  })

  it('hides what leaks from the kernel, and mounts /sys read-only', () => {
    const made = config()
    expect(made.linux.maskedPaths).toContain('/proc/kcore')
    expect(made.linux.readonlyPaths).toContain('/proc/sys')
    expect(made.mounts.find(({ destination }) => destination === '/sys')?.options).toContain('ro')
    expect(made.linux.seccomp?.defaultAction).toBe('SCMP_ACT_ERRNO')
  })

  it('denies devices but for the null family and terminals', () => {
    const rules = config().linux.resources!.devices ?? []
    expect(rules[0]).toEqual({ allow: false, access: 'rwm' })
    expect(rules).toContainEqual({ allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' })
    expect(rules).not.toContainEqual(expect.objectContaining({ type: 'b', access: 'rwm' }))
  })

  it('lets any user ping and bind low ports in a network of its own only', () => {
    expect(config().linux.sysctl).toEqual({
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
    })
    expect(config({ network: 'host' }).linux.sysctl).toBeUndefined()
  })

  it.for([
    [1, '0 0', false],
    [5, '0 4', false],
    [65_537, '0 65536', true],
    [4_294_967_295, '0 2147483647', true],
  ] as const)('names no group that a user namespace of %i groups has not', ([groupIds, range, hasTty]) => {
    const { linux, mounts } = config({ groupIds })
    expect(linux.sysctl?.['net.ipv4.ping_group_range']).toBe(range)
    expect(mounts.find(({ type }) => type === 'devpts')?.options?.includes('gid=5')).toBe(hasTty)
  })
})

describe('choices', () => {
  it('shares namespaces', () => {
    expect(namespaceTypes({ network: 'host', pid: 'host', ipc: 'host', uts: 'host', cgroupns: 'host' })).toEqual([
      'mount',
    ])
    expect(namespaceTypes({ pid: { path: '/proc/7/ns/pid' }, network: 'path', networkPath: '/proc/7/ns/net' })).toEqual(
      ['mount', '/proc/7/ns/pid', 'ipc', 'uts', 'cgroup', '/proc/7/ns/net'],
    )
    expect(config({ uts: 'host' }).hostname).toBeUndefined()
  })

  it("only the host's IPC namespace brings its /dev/shm: that of a container is in no place of the host", () => {
    const shm = (ipc: NonNullable<RuntimeSpec['ipc']>) =>
      config({ ipc }).mounts.find(({ destination }) => destination === '/dev/shm')
    expect(shm('own')?.type).toBe('tmpfs')
    expect(shm('none')).toBeUndefined()
    expect(shm('host')).toMatchObject({ type: 'bind', source: '/dev/shm' })
    expect(shm({ path: '/proc/7/ns/ipc' })).toBeUndefined()
  })

  it('privileged takes every fence away', () => {
    const made = config({ security: { privileged: true } })
    expect(made.linux.maskedPaths).toEqual([])
    expect(made.linux.readonlyPaths).toEqual([])
    expect(made.linux.seccomp).toBeUndefined()
    expect(made.linux.resources!.devices).toEqual([{ allow: true, access: 'rwm' }])
    expect(made.process.capabilities?.effective).toContain('CAP_SYS_ADMIN')
    expect(made.mounts.find(({ destination }) => destination === '/sys')?.options).toContain('rw')
  })

  it('no-new-privileges, read-only root, cgroup parent', () => {
    const made = config({ security: { noNewPrivileges: true }, readonlyRootfs: true, cgroupParent: 'ci/' })
    expect(made.process.noNewPrivileges).toBe(true)
    expect(made.root).toEqual({ readonly: true })
    expect(made.linux.cgroupsPath).toBe('/ci/abc')
  })
})

describe('mounts', () => {
  const bind = (target: string, more: object = {}) =>
    ({ kind: 'bind', source: '/src', target, readonly: false, ...more }) as const

  it('outer ones come first, whatever the order was', () => {
    expect(destinations({ mounts: [bind('/a/b/c'), bind('/a'), bind('/a/b')] }).slice(-3)).toEqual([
      '/a',
      '/a/b',
      '/a/b/c',
    ])
  })

  it('one at the place of a default replaces it; /dev replaces all below', () => {
    const shm = destinations({ mounts: [bind('/dev/shm')] })
    expect(shm.filter((path) => path === '/dev/shm')).toHaveLength(1)
    expect(destinations({ mounts: [bind('/dev')] })).not.toContain('/dev/pts')
  })

  it.for([
    [{}, ['rbind', 'rprivate']],
    [{ readonly: true }, ['rbind', 'rprivate', 'ro', 'rro']],
    [{ readonly: true, recursive: 'writable' }, ['rbind', 'rprivate', 'ro']],
    [{ readonly: true, recursive: 'disabled' }, ['bind', 'rprivate', 'ro']],
    [{ propagation: 'rslave' }, ['rbind', 'rslave']],
  ] as const)('bind %j has %j', ([more, want]) => {
    expect(config({ mounts: [bind('/x', more)] }).mounts.at(-1)?.options).toEqual(want)
  })

  it.for([
    [[], ['nosuid', 'nodev', 'noexec']],
    [
      ['size=1m', 'exec'],
      ['nosuid', 'nodev', 'size=1m', 'exec'],
    ],
    [['noexec'], ['nosuid', 'nodev', 'noexec']],
  ] as const)('tmpfs %j has %j', ([options, want]) => {
    expect(config({ mounts: [{ kind: 'tmpfs', target: '/t', options }] }).mounts.at(-1)?.options).toEqual(want)
  })
})

describe('limits', () => {
  it.for([
    [{ memory: 64 }, { memory: { limit: 64, swap: 128 } }],
    [{ memory: 64, memorySwap: -1 }, { memory: { limit: 64, swap: -1 } }],
    [{ memory: 64, memorySwap: 64 }, { memory: { limit: 64, swap: 64 } }],
    [{ nanoCpus: 1.5e9 }, { cpu: { quota: 150_000, period: 100_000 } }],
    [{ cpuShares: 512, cpusetCpus: '0-1' }, { cpu: { shares: 512, cpus: '0-1' } }],
    [{ pids: 100 }, { pids: { limit: 100 } }],
    [{ pids: 0, memory: 0 }, {}],
    [
      { deviceReadBps: [{ path: '/dev/x', major: 8, minor: 1, value: 9 }] },
      { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 1, rate: 9 }] } },
    ],
  ] as const)('%j', ([limits, want]) => {
    const { devices: _devices, ...resources } = config({ limits }).linux.resources!
    expect(resources).toEqual(want)
  })
})
