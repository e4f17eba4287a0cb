import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runPlan, type PlanAnswer, type PlanOptions } from '../helpers/native-plan.ts'
import {
  cgroupsOf,
  noContainers,
  ociConfig,
  scratch,
  until,
  type Config,
  type Scratch,
} from '../helpers/runtime-bundle.ts'

let own: Scratch
let id: string
beforeEach(() => {
  own = scratch()
  id = `sandbox-${own.path.slice(-6)}`
})
afterEach(() => {
  expect(cgroupsOf(id)).toEqual([])
  own.dispose()
})

function childrenOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((word) => word !== '')
}

function stateOf(pid: string): string | undefined {
  return /^State:\s*(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
}

function layers(): { kind: string; lower: string[]; upper: string; work: string; volatile: boolean } {
  const upper = mkdtempSync(join(own.path, 'upper-'))
  const work = mkdtempSync(join(own.path, 'work-'))
  chmodSync(upper, 0o755)
  return { kind: 'layers', lower: [own.root], upper, work, volatile: true }
}

function sandbox(config: Config, more: Record<string, unknown> = {}, options: PlanOptions = {}): Promise<PlanAnswer> {
  const plan = {
    verb: 'sandbox',
    id,
    rootfs: layers(),
    config,
    network: { mode: 'none' },
    commit: { clampMtime: null },
    ...more,
  }
  return runPlan(plan, options)
}

const sh = (script: string): Config => ociConfig(['sh', '-c', script])
const emptyTar = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'

describe.skipIf(noContainers)('what a process gets', () => {
  it('its exit code, streams and a place of its own', async () => {
    const answer = await sandbox(sh('echo out; echo err >&2; hostname; echo $$; cat; exit 7'), {}, { stdin: 'typed' })
    expect(answer.stdout.toString()).toBe('out\nbox\n1\ntyped')
    expect(answer.stderr).toBe('err\n')
    expect(answer.result).toMatchObject({ exitCode: 7, signal: null, oomKilled: false, timedOut: false, layer: null })
    expect(answer.events.map(({ kind }) => kind)).toEqual(['started'])
  })

  it('tells the signal that ended it', async () => {
    const answer = await sandbox(
      ociConfig(['sleep', '60']),
      {},
      {
        onEvent: ({ kind, pid }) => kind === 'started' && process.kill(pid as number, 'SIGKILL'),
      },
    )
    expect(answer.result).toMatchObject({ exitCode: 137, signal: 9 })
  })

  it('only the descriptors that are its own', async () => {
    const answer = await sandbox(ociConfig(['ls', '/proc/self/fd']))
    expect(answer.stdout.toString()).toBe('0\n1\n2\n3\n') // 3 is the directory that ls reads
  })

  it('neither ignored signals nor a signal mask', async () => {
    const answer = await sandbox(ociConfig(['grep', '-E', 'SigBlk|SigIgn', '/proc/self/status']))
    expect(answer.stdout.toString()).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n')
  })

  it('exactly the capabilities of the config', async () => {
    const config = sh('grep -E "Cap|NoNew" /proc/self/status')
    config.process['capabilities'] = {
      bounding: ['CAP_CHOWN', 'CAP_NET_RAW'],
      effective: ['CAP_CHOWN'],
      permitted: ['CAP_CHOWN'],
    }
    config.process['noNewPrivileges'] = true
    expect((await sandbox(config)).stdout.toString().replaceAll('\t', ' ')).toBe(
      'CapInh: 0000000000000000\nCapPrm: 0000000000000001\nCapEff: 0000000000000001\nCapBnd: 0000000000002001\nCapAmb: 0000000000000000\nNoNewPrivs: 1\n',
    )
  })

  it('ambient capabilities that survive the change of user', async () => {
    const config = sh('id -u; grep CapAmb /proc/self/status')
    const set = ['CAP_NET_BIND_SERVICE']
    config.process['capabilities'] = { bounding: set, effective: set, permitted: set, inheritable: set, ambient: set }
    config.process['user'] = { uid: 1000, gid: 1000 }
    expect((await sandbox(config)).stdout.toString()).toBe('1000\nCapAmb:\t0000000000000400\n')
  })

  it.for([
    ['www-data', [], 'uid=33(www-data) gid=33(www-data) groups=4(adm),33(www-data)\n/var/www\n'],
    ['33:audio', [], 'uid=33(www-data) gid=29(audio) groups=29(audio)\n/var/www\n'],
    ['1234', ['adm', '77'], 'uid=1234 gid=0(root) groups=0(root),4(adm),77\n/\n'],
    ['', [], 'uid=0(root) gid=0(root) groups=0(root)\n/root\n'],
  ] as const)('the user %o with groups %o', async ([name, groups, expected]) => {
    const answer = await sandbox(sh('id; echo $HOME'), { user: { name, groups } })
    expect(answer.stdout.toString()).toBe(expected)
  })

  it('limits that the host allows, and a warning for one that it does not', async () => {
    const config = sh('ulimit -n; ulimit -c')
    config.process['rlimits'] = [
      { type: 'RLIMIT_NOFILE', soft: 512, hard: 512 },
      { type: 'RLIMIT_CORE', soft: 0, hard: '18446744073709551615' },
    ]
    const answer = await sandbox(config)
    expect(answer.stdout.toString()).toBe('512\n0\n')
    expect(answer.result).toMatchObject({ exitCode: 0 })
  })

  it('its cgroup, which holds its limits', async () => {
    const config = sh('cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null')
    config.mounts.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] })
    config.linux['resources'] = { pids: { limit: 33 } }
    expect((await sandbox(config)).stdout.toString()).toBe('33\n')
  })

  it('sysctls of its namespaces, and no others', async () => {
    const config = sh('cat /proc/sys/net/ipv4/ip_unprivileged_port_start')
    config.linux['sysctl'] = { 'net.ipv4.ip_unprivileged_port_start': '7' }
    expect((await sandbox(config)).stdout.toString()).toBe('7\n')
    config.linux['sysctl'] = { 'vm.swappiness': '7' }
    expect((await sandbox(config)).error).toMatchObject({
      code: 'RUNTIME_CONFIG_INVALID',
      message: expect.stringContaining("sysctl 'vm.swappiness' is not in a separate kernel namespace") as string,
    })
  })

  it('a built-in init that reaps orphans and passes the exit code on', async () => {
    // It goes on when the orphan is gone, and has been waited for; else it is told of at the end of the time.
    const gone = 'i=0; while test -e /proc/$orphan && test $i -lt 600; do i=$((i + 1)); sleep 0.1; done'
    const script = `orphan=$(sleep 0.1 >/dev/null & echo $!); ${gone}; ps -o pid,stat,comm; exit 9`
    const config = sh(script)
    const answer = await sandbox(config, { init: true })
    expect(answer.result).toMatchObject({ exitCode: 9 })
    expect(answer.stdout.toString()).not.toContain('sleep')
    expect(answer.stdout.toString()).toMatch(/^ +1 .* init\n +2 .* sh\n/m)
  })
})

describe.skipIf(noContainers)('what stays behind', () => {
  it('nothing when nothing was changed, though mount points had to be made', async () => {
    const rootfs = layers()
    const config = sh('ls -d /mnt/deep/cache /etc/hosts /opt/file')
    mkdirSync(join(own.path, 'cache'))
    writeFileSync(join(own.path, 'hosts'), '127.0.0.1 localhost\n')
    config.mounts.push(
      { destination: '/mnt/deep/cache', type: 'bind', source: join(own.path, 'cache'), options: ['rbind'] },
      { destination: '/etc/hosts', type: 'bind', source: join(own.path, 'hosts'), options: ['bind', 'ro'] },
      { destination: '/opt/file', type: 'bind', source: join(own.path, 'hosts'), options: ['bind'] },
    )
    const before = statSync(join(own.root, 'etc')).mtimeMs
    const answer = await sandbox(config, { rootfs, transient: ['/etc/hosts'] })
    expect(answer.stdout.toString().split('\n').sort()).toEqual(['', '/etc/hosts', '/mnt/deep/cache', '/opt/file'])
    expect(answer.result?.['layer']).toMatchObject({ diffId: emptyTar, entries: 0 })
    expect(readdirSync(rootfs.upper)).toEqual([])
    expect(statSync(join(own.root, 'etc')).mtimeMs).toBe(before)
  })

  it('what was written, also into a mount point once the process has used it', async () => {
    const rootfs = layers()
    const answer = await sandbox(sh('mkdir -p /opt/x; echo hi > /opt/x/y; rm /etc/group'), { rootfs })
    expect(answer.result?.['layer']).toMatchObject({ bytes: 3 })
    expect(readdirSync(join(rootfs.upper, 'opt/x'))).toEqual(['y'])
    expect(statSync(join(rootfs.upper, 'etc/group')).isCharacterDevice()).toBe(true)
  })

  it('no layer when the process failed', async () => {
    expect((await sandbox(sh('echo hi > /x; false'))).result).toMatchObject({ exitCode: 1, layer: null })
  })

  it('no mount in the namespace of the caller', async () => {
    // While it runs, and afterwards: other tests mount and unmount meanwhile, but not here.
    const mounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8')
    let during = own.path
    await sandbox(sh('true'), {}, { onEvent: ({ kind }) => kind === 'started' && (during = mounts()) })
    expect(during).not.toContain(own.path)
    expect(mounts()).not.toContain(own.path)
  })
})

describe.skipIf(noContainers)('trees', () => {
  const tree = (files: Record<string, string>): { kind: 'dir'; path: string } => {
    const path = mkdtempSync(join(own.path, 'tree-'))
    for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
    return { kind: 'dir', path }
  }

  it('shows a part of another tree, read-only', async () => {
    const from = tree({ a: 'from a stage\n' })
    const answer = await sandbox(sh('cat /mnt/a; touch /mnt/b'), {
      trees: [{ tree: from, source: '/', target: '/mnt', readonly: true }],
    })
    expect(answer.stdout.toString()).toBe('from a stage\n')
    expect(answer.stderr).toContain('Read-only file system')
    expect(existsSync(join(from.path, 'b'))).toBe(false)
  })

  it('shows one file', async () => {
    const from = tree({ a: 'from a stage\n' })
    const answer = await sandbox(sh('cat /mnt/file'), {
      trees: [{ tree: from, source: '/a', target: '/mnt/file', readonly: true }],
    })
    expect(answer.stdout.toString()).toBe('from a stage\n')
  })

  it('puts a later mount of the config on top when told its place', async () => {
    const from = tree({ a: 'tree\n' })
    const config = sh('cat /mnt/a; ls /mnt')
    config.mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'tmpfs' })
    const at = config.mounts.length - 1
    expect(
      (await sandbox(config, { trees: [{ tree: from, source: '/', target: '/mnt', before: at }] })).stdout.toString(),
    ).toBe('')
    expect((await sandbox(config, { trees: [{ tree: from, source: '/', target: '/mnt' }] })).stdout.toString()).toBe(
      'tree\na\n',
    )
  })

  it('says what is missing', async () => {
    const answer = await sandbox(sh('true'), { trees: [{ tree: tree({}), source: '/none', target: '/mnt' }] })
    expect(answer.error).toMatchObject({
      code: 'PATH_MISSING',
      message: expect.stringContaining("cannot mount on '/mnt'") as string,
    })
  })
})

describe.skipIf(noContainers)('failures', () => {
  it.for([
    [['nosuch'], 'EXEC_NOT_FOUND', 'exec: "nosuch": executable file not found in $PATH'],
    [['/bin/nosuch'], 'EXEC_NOT_FOUND', 'exec: "/bin/nosuch": no such file or directory'],
    [['/etc/passwd'], 'EXEC_DENIED', 'exec: "/etc/passwd": permission denied'],
    [['/etc'], 'EXEC_DENIED', 'exec: "/etc": is a directory'],
  ] as const)('of %o have the code %s', async ([args, code, message]) => {
    expect((await sandbox(ociConfig(args))).error).toMatchObject({ code, message })
  })

  it('tells of a user that the root does not know', async () => {
    const answer = await sandbox(sh('true'), { user: { name: 'ghost', groups: [] } })
    expect(answer.error).toMatchObject({ code: 'USER_UNKNOWN', message: expect.stringContaining("'ghost'") as string })
  })

  it('tells of a bind mount without a source', async () => {
    const config = sh('true')
    config.mounts.push({ destination: '/mnt', type: 'bind', source: join(own.path, 'none'), options: ['bind'] })
    expect((await sandbox(config)).error).toMatchObject({
      code: 'MOUNT_FAILED',
      errno: 'ENOENT',
      path: join(own.path, 'none'),
    })
  })

  it.for([
    ['process.args', (c: Config): unknown => (c.process['args'] = []), 'process: args must not be empty'],
    ['process.cwd', (c: Config): unknown => (c.process['cwd'] = 'x'), "process: cwd 'x' is not an absolute path"],
    [
      'a namespace',
      (c: Config): unknown => (c.linux['namespaces'] = [{ type: 'moon' }]),
      "linux: namespaces[0]: type 'moon' is not known",
    ],
    ['a mount', (c: Config): unknown => c.mounts.push({ destination: '/x' }), "mounts[4]: mount on '/x' has no type"],
    ['a version', (c: Config): unknown => (c.ociVersion = '2.0.0'), "ociVersion '2.0.0' is not supported: wanted 1.x"],
    [
      'a seccomp action',
      (c: Config): unknown => (c.linux['seccomp'] = { defaultAction: 'X' }),
      "linux: seccomp: action 'X' is not known",
    ],
  ] as const)('a config with a wrong %s names the place', async ([, change, text]) => {
    const config = sh('true')
    change(config)
    expect((await sandbox(config)).error).toMatchObject({
      code: 'RUNTIME_CONFIG_INVALID',
      message: `invalid container config: ${text}`,
    })
  })

  it('refuses members that the plan does not know', async () => {
    expect((await sandbox(sh('true'), { nonsense: 1 })).error).toMatchObject({ code: 'PLAN_INVALID' })
  })
})

describe.skipIf(noContainers)('the end', () => {
  it('comes by the timeout, for every process', async () => {
    const answer = await sandbox(sh('sleep 100 & sleep 100'), { timeoutMs: 300 })
    expect(answer.result).toMatchObject({ exitCode: 137, timedOut: true })
  })

  it('comes by SIGTERM, and nothing of it is left', async () => {
    const stop = new AbortController()
    const answer = await sandbox(
      sh('sleep 100'),
      {},
      { signal: stop.signal, onEvent: ({ kind }) => kind === 'started' && stop.abort() },
    )
    expect(answer.error).toMatchObject({ code: 'CANCELLED' })
  })

  it('is waited for, also when the first process takes its time to die', async () => {
    const stop = new AbortController()
    const config = sh('sleep 1000')
    config.linux['resources'] = { pids: { limit: 100 } } // it has a cgroup of its own
    let init = 0
    let stranger: ChildProcess | undefined
    try {
      const ended = sandbox(
        config,
        {},
        {
          signal: stop.signal,
          onEvent: ({ kind, pid }) => {
            if (kind !== 'started') return
            init = pid as number
            // Its child is of the pid namespace, whose first process cannot end before the child was waited for.
            stranger = spawn('nsenter', ['-t', String(init), '-p', 'sleep', '1000'])
          },
        },
      )
      await until(() => stranger !== undefined && childrenOf(stranger.pid!).length > 0, 'the child')
      stranger!.kill('SIGSTOP')
      stop.abort()
      await until(() => stateOf(childrenOf(stranger!.pid!)[0]!) === 'Z', 'the end of the child')
      await delay(400) // the core waits meanwhile
      expect(existsSync(`/proc/${init}`)).toBe(true)
      stranger!.kill('SIGCONT')
      expect((await ended).error).toMatchObject({ code: 'CANCELLED' })
      expect(existsSync(`/proc/${init}`)).toBe(false)
    } finally {
      stranger?.kill('SIGCONT')
      stranger?.kill('SIGTERM')
    }
  })

  it('comes with the core, whatever kills it', async () => {
    let init = 0
    const config = sh('sleep 1000')
    config.process['args'] = ['sleep', '1000']
    await sandbox(
      config,
      {},
      {
        onEvent: ({ kind, pid }) => {
          if (kind !== 'started') return
          init = pid as number
          const core = Number(
            execFileSync('sed', ['-n', 's/^PPid:\\s*//p', `/proc/${init}/status`], { encoding: 'utf8' }),
          )
          process.kill(core, 'SIGKILL')
        },
      },
    )
    expect(init).toBeGreaterThan(0)
    await until(() => !existsSync(`/proc/${init}`), 'the end of the container')
    await until(() => {
      for (const path of [...cgroupsOf(id)].reverse()) spawnSync('rmdir', [path])
      return cgroupsOf(id).length === 0
    }, 'empty cgroups')
  })
})

describe.skipIf(noContainers)('devices', () => {
  it('are those of every container, and a node made inside opens no other', async () => {
    const answer = await sandbox(
      sh(
        'for d in null zero full random urandom tty; do stat -c %F:%t:%T /dev/$d; done; mknod /tmp/disk b 8 0 && head -c1 /tmp/disk; mknod /dev/mem2 c 1 1 && head -c1 /dev/mem2',
      ),
    )
    expect(answer.stdout.toString().trim().split('\n')).toEqual(
      ['1:3', '1:5', '1:7', '1:8', '1:9', '5:0'].map((n) => `character special file:${n}`),
    )
    expect(answer.stderr.match(/Operation not permitted/g)).toHaveLength(2)
  })

  it('of the spec are made, with mode and owner', async () => {
    const config = sh('stat -c "%F %t:%T %a %u:%g" /dev/own')
    config.linux['devices'] = [{ path: '/dev/own', type: 'c', major: 1, minor: 3, fileMode: 0o640, uid: 5, gid: 6 }]
    expect((await sandbox(config)).stdout.toString()).toBe('character special file 1:3 640 5:6\n')
  })

  it('do not follow a link that lies in their place', async () => {
    symlinkSync('/tmp/elsewhere', join(own.root, 'dev/null'))
    const config = sh('ls -l /dev/null')
    config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/dev'))
    expect((await sandbox(config)).error).toMatchObject({ path: '/dev/null', errno: 'EEXIST' })
  })
})

describe.skipIf(noContainers)('seccomp', () => {
  const profile = (more: object): object => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
    ...more,
  })

  it('refuses what a rule names', async () => {
    const config = sh('mkdir /tmp/x')
    config.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat', 'unknown_call'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }],
    }
    expect((await sandbox(config)).stderr).toContain('Permission denied')
  })

  it('works without no_new_privs and without CAP_SYS_ADMIN', async () => {
    const config = sh('grep -E "Seccomp:|NoNew" /proc/self/status; id -u')
    config.process['user'] = { uid: 1000, gid: 1000 }
    config.process['capabilities'] = { bounding: [], effective: [], permitted: [] }
    config.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_ERRNO' }],
    }
    expect((await sandbox(config)).stdout.toString()).toBe('NoNewPrivs:\t0\nSeccomp:\t2\n1000\n')
  })

  it('tells its own failures', async () => {
    const config = sh('true')
    config.linux['seccomp'] = profile({ syscalls: [{ names: ['read'], action: 'SCMP_ACT_NOTIFY' }] })
    expect((await sandbox(config)).error).toMatchObject({
      code: 'RUNTIME_CONFIG_INVALID',
      message: expect.stringContaining('listenerPath') as string,
    })
  })
})
