import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useOci } from '../helpers/oci-test.ts'
import { noContainers, ociConfig, type Config, type OciRuntime, type Scratch } from '../helpers/runtime-bundle.ts'

/** Mounts upon a tree that belongs to no namespace. */
const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('.').map(Number)
const oldKernel = major < 6 || (major === 6 && minor < 15)
if (oldKernel) console.warn('skipped: mounts without a mount namespace need Linux 6.15')

let own: Scratch
let oci: OciRuntime
let id: string
useOci('ns', (test) => ({ own, oci, id } = test))

function namespaces(config: Config, ...list: { type: string; path?: string }[]): Config {
  config.linux['namespaces'] = list
  if (!list.some(({ type }) => type === 'uts')) delete config.hostname
  return config
}

const hostOf = (kind: string): string => readlinkSync(`/proc/self/ns/${kind}`)

describe.skipIf(noContainers !== false || oldKernel)('a container that shares every namespace of the host', () => {
  /** The mounts of this test; others mount at the same time. */
  const host = (): readonly string[] =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(own.path))

  it('has its mounts, of which the host sees none', async () => {
    const config = namespaces(
      ociConfig([
        'sh',
        '-c',
        'readlink /proc/self/ns/mnt; echo gone > /dev/null && ls /dev/pts /data; echo x > /x; echo x > /ro/x; echo x > /proc/sys/kernel/hostname; cat /data/inside/secret',
      ]),
    )
    mkdirSync(join(own.path, 'data/inside'), { recursive: true })
    config.mounts.push(
      { destination: '/data', type: 'bind', source: join(own.path, 'data'), options: ['rbind', 'private'] },
      { destination: '/ro', type: 'tmpfs', source: 'tmpfs', options: ['ro'] },
    )
    writeFileSync(join(own.path, 'data/inside/secret'), 'secret')
    config.linux['maskedPaths'] = ['/data/inside/secret']
    config.root = { path: own.root, readonly: true }
    for (const name of ['data', 'ro']) mkdirSync(join(own.root, name))
    const before = host()
    expect(await oci.detached(['run', '--bundle', oci.bundle(config), id])).toEqual({
      status: 0,
      stdout: `${hostOf('mnt')}\n/data:\ninside\n\n/dev/pts:\nptmx\n`,
      stderr: [
        "sh: can't create /x: Read-only file system\n",
        "sh: can't create /ro/x: Read-only file system\n",
        "sh: can't create /proc/sys/kernel/hostname: Read-only file system\n",
      ].join(''),
    })
    expect(host()).toEqual(before)
    expect(readdirSync(join(own.root, 'dev'))).toEqual([])
  })

  it('can be entered again, and leaves no mount when it is killed', async () => {
    const before = host()
    const config = namespaces(ociConfig(['sleep', '1000']))
    config.mounts.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] })
    expect(await oci.detached(['run', '--detach', '--bundle', oci.bundle(config), id])).toMatchObject({
      status: 0,
      stderr: '',
    })
    expect(host()).toEqual(before)
    const script = 'pwd; ls -d /dev/pts; ls /etc; readlink /proc/self/ns/mnt; mkdir /sys/fs/cgroup/x'
    expect(oci.run(['exec', id, 'sh', '-c', script])).toEqual({
      status: 1,
      stdout: `/\n/dev/pts\ngroup\npasswd\n${hostOf('mnt')}\n`,
      stderr: "mkdir: can't create directory '/sys/fs/cgroup/x': Read-only file system\n",
    })
    expect(oci.run(['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' })
    expect(host()).toEqual(before)
  })
})

describe.skipIf(noContainers)('a namespace of another owner', () => {
  it.for(['new', 'joined'])('is joined by a container of a %s user namespace', async (kind) => {
    const outside = 300_000
    const mapping = [{ containerID: 0, hostID: outside, size: 65_536 }]
    spawnSync('chmod', ['755', own.path])
    spawnSync('chown', ['-R', `${outside}:${outside}`, own.root])
    const holder = namespaces(
      ociConfig(['sleep', '1000']),
      { type: 'pid' },
      { type: 'mount' },
      { type: 'network' },
      { type: 'uts' },
      { type: 'ipc' },
    )
    expect(
      await oci.detached(['run', '--detach', '--bundle', oci.bundle(holder, 'holder'), `${id}-net`]),
    ).toMatchObject({ status: 0 })
    const net = `/proc/${String(oci.state(`${id}-net`)['pid'])}/ns/`
    const first = namespaces(ociConfig(['sleep', '1000']), { type: 'pid' }, { type: 'mount' }, { type: 'user' })
    first.linux['uidMappings'] = first.linux['gidMappings'] = mapping
    expect(await oci.detached(['run', '--detach', '--bundle', oci.bundle(first, 'first'), `${id}-user`])).toMatchObject(
      { status: 0 },
    )
    const user = `/proc/${String(oci.state(`${id}-user`)['pid'])}/ns/user`

    const config = namespaces(
      ociConfig(['sh', '-c', 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; id -u']),
      { type: 'pid' },
      { type: 'mount' },
      { type: 'network', path: `${net}net` },
      { type: 'ipc', path: `${net}ipc` },
      kind === 'new' ? { type: 'user' } : { type: 'user', path: user },
    )
    if (kind === 'new') config.linux['uidMappings'] = config.linux['gidMappings'] = mapping
    expect(oci.run(['run', '--bundle', oci.bundle(config), id])).toEqual({
      status: 0,
      stdout: `${readlinkSync(`${net}net`)}\n${readlinkSync(`${net}ipc`)}\n0\n`,
      stderr: '',
    })
  })
})

describe.skipIf(noContainers)('a container without a process', () => {
  it('is created, and stays so when its start fails', async () => {
    const { process: _, ...config } = ociConfig(['true'])
    expect(await oci.detached(['create', '--bundle', oci.bundle(config as Config), id])).toMatchObject({
      status: 0,
      stderr: '',
    })
    expect(oci.run(['start', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('the config has no process to start') as string,
    })
    expect(oci.state(id)).toMatchObject({ status: 'created' })
    expect(oci.run(['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' })
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
  })
})
