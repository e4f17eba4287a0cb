import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { coreBinary } from '../helpers/native-plan.ts'
import { useOci } from '../helpers/oci-test.ts'
import { noContainers, ociConfig, type Config, type OciRuntime, type Scratch } from '../helpers/runtime-bundle.ts'

/* Where a container runs and what it sees there: roots, consoles, CPUs, ids. */

let own: Scratch
let oci: OciRuntime
let id: string
useOci('place', (test) => ({ own, oci, id } = test))

function run(config: Config, ...options: string[]): ReturnType<OciRuntime['run']> {
  return oci.run([...options.slice(1), 'run', ...options.slice(0, 1), '--bundle', oci.bundle(config), id])
}

describe.skipIf(noContainers)('a terminal', () => {
  it('has its console in a /dev that is read-only in the end', () => {
    const config = ociConfig(['sh', '-c', 'echo shown > /dev/console; echo > /dev/x'])
    config.process['terminal'] = true
    config.mounts.find(({ destination }) => destination === '/dev')!.options!.push('ro')
    const { status, stdout } = run(config)
    expect(status).toBe(1)
    expect(stdout).toBe("shown\nsh: can't create /dev/x: Read-only file system\n")
  })

  it('has the lines of a file where its output goes to one, though its input is a terminal', () => {
    const config = ociConfig(['sh', '-c', 'echo one; echo two'])
    config.process['terminal'] = true
    const output = join(own.path, 'output')
    const command = `'${coreBinary}' --root '${oci.stateRoot}' run --bundle '${oci.bundle(config)}' ${id} > '${output}'`
    const { status } = spawnSync('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'ignore', 'inherit'] })
    expect(status).toBe(0)
    expect(readFileSync(output, 'utf8').replaceAll('^@', '')).toBe('one\ntwo\n')
  })
})

describe.skipIf(noContainers)('--no-pivot', () => {
  it('leaves no procfs of the host to make up for a masked one', () => {
    const config = ociConfig(['unshare', '-mrpf', 'mount', '-t', 'proc', 'none', '/proc'])
    const capabilities = config.process['capabilities'] as Record<string, string[]>
    for (const set of ['bounding', 'permitted', 'effective'])
      capabilities[set] = [...capabilities[set]!, 'CAP_SETFCAP', 'CAP_SETPCAP']
    config.linux['maskedPaths'] = ['/proc/meminfo']
    const { status, stderr } = run(config, '--no-pivot')
    expect(status).toBe(1)
    expect(stderr).toContain('mount: permission denied')
  })
})

const cpus = readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\t(.*)$/m)![1]!
const oneCpu = !/[-,]/.test(cpus)
if (oneCpu) console.warn('skipped: there is one CPU')

describe.skipIf(noContainers !== false || oneCpu)('CPUs', () => {
  it('are those of the cgroup, whatever the runtime itself is bound to', async () => {
    const status = ['grep', '-F', 'Cpus_allowed_list:', '/proc/self/status']
    const bound = (...args: string[]): string =>
      spawnSync('taskset', ['-c', cpus.match(/^\d+/)![0], coreBinary, '--root', oci.stateRoot, ...args], {
        encoding: 'utf8',
      }).stdout
    expect(bound('run', '--bundle', oci.bundle(ociConfig(status)), id)).toBe(`Cpus_allowed_list:\t${cpus}\n`)
    await oci.detached(['run', '--detach', '--bundle', oci.bundle(ociConfig(['sleep', '1000'])), id])
    expect(bound('exec', id, ...status)).toBe(`Cpus_allowed_list:\t${cpus}\n`)
  })
})

describe.skipIf(noContainers)('ids', () => {
  it('of a user namespace without mappings are the root that the caller is, and nobody', () => {
    const config = ociConfig(['sh', '-c', 'id -u; tr -s " " < /proc/self/uid_map; tr -s " " < /proc/self/gid_map'])
    ;(config.linux['namespaces'] as object[]).push({ type: 'user' })
    config.mounts = config.mounts.map(({ options, ...mount }) => ({
      ...mount,
      options: options!.filter((option) => option !== 'gid=5'),
    }))
    expect(run(config)).toEqual({ status: 0, stdout: '0\n 0 0 1\n 0 0 1\n', stderr: '' })
  })

  it('of a mount follow the user namespace that is joined', async () => {
    const mapping = [{ containerID: 0, hostID: 300_000, size: 65_536 }]
    spawnSync('chmod', ['755', own.path])
    spawnSync('chown', ['-R', '300000:300000', own.root])
    const first = ociConfig(['sleep', '1000'])
    ;(first.linux['namespaces'] as object[]).push({ type: 'user' })
    first.linux['uidMappings'] = first.linux['gidMappings'] = mapping
    expect(await oci.detached(['run', '--detach', '--bundle', oci.bundle(first, 'first'), `${id}-1`])).toMatchObject({
      status: 0,
    })
    const data = join(own.path, 'data')
    mkdirSync(data)
    writeFileSync(join(data, 'file'), '')
    chownSync(join(data, 'file'), 1000, 1001)
    const config = ociConfig(['stat', '-c', '%u %g', '/tmp/file'])
    ;(config.linux['namespaces'] as object[]).push({
      type: 'user',
      path: `/proc/${String(oci.state(`${id}-1`)['pid'])}/ns/user`,
    })
    config.mounts.push({ destination: '/tmp', type: 'bind', source: data, options: ['rbind', 'idmap'] })
    expect(run(config)).toEqual({ status: 0, stdout: '1000 1001\n', stderr: '' })
  })
})

describe.skipIf(noContainers)("a bind of the container's own tree, by its path on the host", () => {
  it.for(['no', 'a new'])('has what earlier mounts have put there, with %s user namespace', (kind) => {
    spawnSync('chmod', ['755', own.path])
    const data = join(own.path, 'data')
    mkdirSync(join(data, 'below'), { recursive: true })
    for (const name of ['mnt', 'final']) mkdirSync(join(own.root, name))
    const config = ociConfig(['ls', '/final'])
    if (kind !== 'no') {
      spawnSync('chown', ['-R', '300000:300000', own.root])
      ;(config.linux['namespaces'] as object[]).push({ type: 'user' })
      config.linux['uidMappings'] = config.linux['gidMappings'] = [{ containerID: 0, hostID: 300_000, size: 65_536 }]
    }
    config.mounts.push(
      { destination: '/mnt', type: 'bind', source: data, options: ['rbind'] },
      { destination: '/final', type: 'bind', source: join(own.root, 'mnt'), options: ['rbind'] },
    )
    expect(run(config)).toEqual({ status: 0, stdout: 'below\n', stderr: '' })
  })
})

describe.skipIf(noContainers)('--debug', () => {
  it('tells the stages in the words of runc', async () => {
    const config = ociConfig(['true'])
    config.process['execCPUAffinity'] = { initial: '0' }
    const said = (text: string): readonly string[] =>
      text
        .split('\n')
        .filter((line) => line.includes('level=debug'))
        .map((line) => line.replace(/^.*msg="(.*)"$/, '$1').replace(/\[\d+\]/, ''))
    expect(said(oci.run(['--debug', 'run', '--bundle', oci.bundle(config), id]).stderr)).toEqual([
      'nsexec container setup',
      'child process in init()',
      'init: closing the pipe to signal completion',
    ])
    config.process['args'] = ['sleep', '1000']
    await oci.detached(['run', '--detach', '--bundle', oci.bundle(config), id])
    expect(said(oci.run(['--debug', 'exec', id, 'true']).stderr)).toEqual([
      'nsexec container setup',
      'nsexec: affinity: 0x1',
      'child process in init()',
      'setns_init: about to exec',
    ])
  })
})
