import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useOci } from '../helpers/oci-test.ts'
import {
  type OciRuntime,
  noContainers,
  ociConfig,
  until,
  type Config,
  type Scratch,
} from '../helpers/runtime-bundle.ts'

/* What the suites of crun and runc ask for, and their users with them. */

const freezer = '/sys/fs/cgroup/freezer'
const noFreezer = !existsSync(join(freezer, 'tasks'))
if (noFreezer) console.warn('skipped: no freezer of cgroup v1')

const hierarchies = [
  ...readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/^(?:\S+ ){4}(\S+) .* - cgroup2? /gm),
].map(([, mountpoint]) => mountpoint!)

let own: Scratch
let oci: OciRuntime
let id: string
useOci('peer', (test) => ({ own, oci, id } = test))

function run(config: Config): ReturnType<OciRuntime['run']> {
  return oci.run(['run', '--bundle', oci.bundle(config), id])
}

async function running(name: string, config = ociConfig(['sleep', '1000'])): Promise<number> {
  expect(await oci.detached(['run', '--detach', '--bundle', oci.bundle(config), name])).toMatchObject({
    status: 0,
    stderr: '',
  })
  return Number(oci.state(name)['pid'])
}

describe.skipIf(noContainers)('delete', () => {
  it('--regex takes all whose ids match, and only them', async () => {
    for (const name of [`${id}-a1`, `${id}-a2`, `${id}-b`]) await running(name)
    expect(oci.run(['delete', '--force', '--regex', `^${id}-a`])).toMatchObject({ status: 0, stderr: '' })
    expect(oci.run(['list', '--quiet']).stdout).toBe(`${id}-b\n`)
    expect(oci.run(['delete', '--regex', '('])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('invalid regular expression: (') as string,
    })
    expect(oci.run(['delete', '--regex', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('that is not stopped: running') as string,
    })
  })

  it.skipIf(noFreezer)('--force ends a process that somebody has put into a frozen cgroup of v1', async () => {
    const pid = await running(id)
    const foreign = join(freezer, `tsbuild-test-${id}`)
    mkdirSync(foreign)
    try {
      writeFileSync(join(foreign, 'cgroup.procs'), String(pid))
      writeFileSync(join(foreign, 'freezer.state'), 'FROZEN')
      expect(oci.run(['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' })
      await until(() => !existsSync(`/proc/${pid}`), 'the end of the process')
      expect(readFileSync(join(foreign, 'freezer.state'), 'utf8')).toBe('FROZEN\n')
    } finally {
      writeFileSync(join(foreign, 'freezer.state'), 'THAWED')
      rmdirSync(foreign)
    }
  })
})

describe.skipIf(noContainers)('a cgroup that is there already', () => {
  it('is not shared with the processes of another container', async () => {
    const config = ociConfig(['sleep', '1000'])
    config.linux['cgroupsPath'] = `/tsbuild-test-${id}`
    await running(id, config)
    expect(oci.run(['run', '--bundle', oci.bundle(config), `${id}-2`])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/container's cgroup is not empty: \d+ process/) as string,
    })
    expect(oci.state(id)).toMatchObject({ status: 'running' })
  })

  it.for([
    ['stays when the container goes', `tsbuild-test-others-${process.pid}`, true],
    ['goes when it is called like the container, as one that an earlier run left is', '', false],
  ] as const)('%s', async ([, other, stays]) => {
    const config = ociConfig(['true'])
    const name = other === '' ? `tsbuild-test-${id}` : other
    config.linux['cgroupsPath'] = `/${name}`
    const places = hierarchies.map((hierarchy) => join(hierarchy, name))
    try {
      for (const place of places) mkdirSync(place)
      expect(run(config)).toMatchObject({ status: 0 })
      expect(places.filter((place) => existsSync(place))).toEqual(stays ? places : [])
    } finally {
      for (const place of places) if (existsSync(place)) rmdirSync(place)
    }
  })

  it.skipIf(noFreezer)('and is not entered frozen; it stays', () => {
    const config = ociConfig(['true'])
    const place = join(freezer, `tsbuild-test-${id}`)
    config.linux['cgroupsPath'] = `/tsbuild-test-${id}`
    mkdirSync(place)
    try {
      writeFileSync(join(place, 'freezer.state'), 'FROZEN')
      expect(run(config)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("container's cgroup unexpectedly frozen") as string,
      })
      expect(existsSync(place)).toBe(true)
    } finally {
      writeFileSync(join(place, 'freezer.state'), 'THAWED')
      rmdirSync(place)
    }
  })
})

describe.skipIf(noContainers)('annotations of crun', () => {
  it('run.oci.hooks.stdout and stderr name files for what hooks write', () => {
    const config = ociConfig(['true'])
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', 'echo out; echo err >&2'] }] }
    config.annotations = {
      'run.oci.hooks.stdout': join(own.path, 'out'),
      'run.oci.hooks.stderr': join(own.path, 'err'),
    }
    expect(run(config)).toEqual({ status: 0, stdout: '', stderr: '' })
    expect(readFileSync(join(own.path, 'out'), 'utf8')).toBe('out\n')
    expect(readFileSync(join(own.path, 'err'), 'utf8')).toBe('err\n')
  })

  it('run.oci.seccomp_fail_unknown_syscall makes an unknown name an error', () => {
    const config = ociConfig(['true'])
    config.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['no_such_call'], action: 'SCMP_ACT_ERRNO' }],
    }
    expect(run(config)).toMatchObject({ status: 0 })
    config.annotations = { 'run.oci.seccomp_fail_unknown_syscall': '1' }
    expect(run(config)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("seccomp: the system call 'no_such_call' is not known") as string,
    })
  })
})

describe.skipIf(noContainers)('what cannot be had', () => {
  it.for([
    [{}, 'requires `runtime`'],
    [{ runtime: 10_000_000 }, 'requires `deadline`'],
    [{ runtime: 0, deadline: 1 }, 'runtime must be greater than 0'],
    [{ runtime: 20_000_000, deadline: 10_000_000 }, 'runtime (20000000) must be <= deadline (10000000)'],
    [{ runtime: 2048, deadline: 4096, period: 3000 }, 'deadline (4096) must be <= period (3000)'],
    [{ runtime: 100, deadline: 4096 }, 'runtime (100) must be between 1024 and'],
  ] as const)('SCHED_DEADLINE with %o is told before anything is made', ([values, words]) => {
    const config = ociConfig(['true'])
    config.process['scheduler'] = { policy: 'SCHED_DEADLINE', ...values }
    expect(run(config)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`sched_setattr: \`SCHED_DEADLINE\` ${words}`) as string,
    })
  })

  it('an ambient capability that is not inheritable is a warning', () => {
    const config = ociConfig(['grep', 'CapAmb', '/proc/self/status'])
    ;(config.process['capabilities'] as Record<string, string[]>)['ambient'] = ['CAP_CHOWN']
    expect(run(config)).toMatchObject({
      status: 0,
      stdout: 'CapAmb:\t0000000000000000\n',
      stderr: expect.stringContaining("can't raise ambient capability CAP_CHOWN: ") as string,
    })
  })
})

describe.skipIf(noContainers)('mounts', () => {
  it('a bind whose source is relative is found in the bundle', () => {
    const config = ociConfig(['cat', '/mnt/here'])
    config.mounts.push({ destination: '/mnt', source: '.', options: ['bind'] })
    writeFileSync(join(oci.bundle(config), 'here'), 'found')
    expect(run(config)).toEqual({ status: 0, stdout: 'found', stderr: '' })
  })

  it('a read-only /dev has its devices and what is mounted in it', () => {
    const config = ociConfig(['sh', '-c', 'echo x >/dev/null && test -c /dev/pts/ptmx && ! touch /dev/x 2>/dev/null'])
    config.mounts.find((mount) => mount.destination === '/dev')!.options!.push('ro')
    expect(run(config)).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  it('a path that is masked twice is covered once', () => {
    const config = ociConfig(['sh', '-c', 'grep -c " /tmp " /proc/self/mounts'])
    config.linux['maskedPaths'] = ['/tmp', '/tmp']
    expect(run(config)).toEqual({ status: 0, stdout: '1\n', stderr: '' })
  })
})

describe.skipIf(noContainers)('the process', () => {
  it('starts in a directory of another user that its root may not enter', () => {
    const config = ociConfig(['sh', '-c', 'pwd; id -u'])
    mkdirSync(join(own.root, 'home'))
    chownSync(join(own.root, 'home'), 42, 42)
    chmodSync(join(own.root, 'home'), 0o700)
    config.process['cwd'] = '/home'
    expect(run(config)).toEqual({ status: 0, stdout: '/home\n0\n', stderr: '' })
  })

  it("that waits for its start has no descriptors of the caller, and none of the host's directories", async () => {
    const bundle = oci.bundle(ociConfig(['true']))
    const left = openSync(join(bundle, 'config.json'), 'r')
    const devNull = openSync('/dev/null', 'r+')
    expect(
      oci.run(['create', '--bundle', bundle, id], { stdio: [devNull, devNull, devNull, devNull, left] }),
    ).toMatchObject({
      status: 0,
    })
    const fds = `/proc/${oci.state(id)['pid'] as number}/fd`
    const open = readdirSync(fds).map((fd) => readlinkSync(join(fds, fd)))
    expect(open.filter((target) => target !== '/dev/null' && !target.startsWith('socket:'))).toEqual([])
    closeSync(left)
    closeSync(devNull)
  })

  it('of a container that waits for its start ends by SIGTERM', async () => {
    const bundle = oci.bundle(ociConfig(['true']))
    expect(await oci.detached(['create', '--bundle', bundle, id])).toMatchObject({ status: 0 })
    expect(oci.run(['kill', id, '0'])).toMatchObject({ status: 0, stderr: '' })
    expect(oci.run(['kill', id])).toMatchObject({ status: 0, stderr: '' })
    await until(() => oci.state(id)['status'] === 'stopped', 'the end')
    expect(oci.run(['kill', id, '0'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('container not running') as string,
    })
  })
})

const pids = '/sys/fs/cgroup/pids'
const noPids = !existsSync(join(pids, 'tasks'))
if (noPids) console.warn('skipped: no pids controller of cgroup v1')

describe.skipIf(noContainers !== false || noPids)('exec --cgroup', () => {
  it('takes controllers of v1 to their own places, and everything else to the container', async () => {
    const config = ociConfig(['sleep', '1000'])
    config.linux['cgroupsPath'] = `/${id}`
    delete config.linux['resources']
    config.linux['namespaces'] = ['pid', 'mount'].map((type) => ({ type }))
    delete config.hostname
    await running(id, config)
    mkdirSync(join(pids, id, 'below'))
    const places = (...args: string[]): readonly string[] =>
      oci
        .run(['exec', ...args, id, 'cat', '/proc/self/cgroup'])
        .stdout.split('\n')
        .filter((line) => line.includes(id))
    expect(places().filter((line) => !line.endsWith(`:/${id}`))).toEqual([])
    const there = places('--cgroup', 'pids:below')
    expect(there.filter((line) => !line.endsWith(`:/${id}`))).toEqual([
      expect.stringMatching(new RegExp(`:pids:/${id}/below$`)),
    ])
    expect(there.length).toBe(places().length)
    rmdirSync(join(pids, id, 'below'))
    for (const [path, text] of [
      ['..', 'bad sub cgroup path: ..: `..` components are not allowed'],
      ['pids:a/../../..', 'bad sub cgroup path: pids:a/../../..'],
      ['nothing:below', 'unknown controller nothing'],
      ['pids:missing', "to the cgroup 'pids:missing' failed: No such file or directory"],
      ['missing', "to the cgroup 'missing' failed: No such file or directory"],
    ])
      expect(oci.run(['exec', '--cgroup', path!, id, 'true'])).toMatchObject({
        status: 255,
        stderr: expect.stringContaining(text!) as string,
      })
  })
})

describe.skipIf(noContainers)('device rules', () => {
  it('leave out letters that are no access, with a warning', () => {
    const config = ociConfig(['sh', '-c', ': > /dev/kmsg'])
    config.linux['devices'] = [{ path: '/dev/kmsg', type: 'c', major: 1, minor: 11 }]
    config.linux['resources'] = { devices: [{ allow: false, type: 'c', major: 1, minor: 11, access: 'rwa' }] }
    const { status, stderr } = run(config)
    expect(status).toBe(1)
    expect(stderr).toContain("characters other than r, w, m in the device access 'rwa' are left out")
    expect(stderr).toContain('Operation not permitted')
    config.linux['resources'] = { devices: [{ allow: false, access: 'a' }] }
    expect(run(config).stderr).toContain("access 'a' has none of r, w, m")
  })
})

describe.skipIf(noContainers)('texts that clients know', () => {
  it.for(['checkpoint', 'restore'])('%s is refused by name', (verb) => {
    expect(oci.run([verb, id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`${verb} is not supported: this runtime works without CRIU`) as string,
    })
  })

  it('a script whose interpreter is missing', () => {
    writeFileSync(join(own.root, 'run.sh'), '#!/no/such\n', { mode: 0o755 })
    expect(run(ociConfig(['/run.sh']))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('exec /run.sh: no such file or directory') as string,
    })
  })

  it('a hook that fails, by its place', () => {
    const config = ociConfig(['true'])
    config.hooks = { createRuntime: [{ path: '/bin/true' }, { path: '/bin/false' }] }
    expect(run(config)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('error running createRuntime hook #1:') as string,
    })
  })

  it.skipIf(!existsSync('/sys/fs/cgroup/unified/cgroup.controllers'))('a controller that v2 does not have', () => {
    const config = ociConfig(['true'])
    config.linux['resources'] = { unified: { 'foo.bar': 'x' } }
    expect(run(config)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('the requested cgroup controller `foo` is not available') as string,
    })
  })
})
