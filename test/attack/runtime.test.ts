import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { coreBinary, runPlan, type PlanAnswer } from '../helpers/native-plan.ts'
import { OciRuntime, noContainers, ociConfig, scratch, type Config, type Scratch } from '../helpers/runtime-bundle.ts'
import { asUser, noUsers, userId } from '../helpers/unprivileged.ts'
import { expectUntouched, makeHost } from './ways.ts'

/*
 * One test per known way out of a container or into its runtime, which root calls, and a user without any right. Each is built so that it succeeds against a runtime
 * without the defence.
 */

const callers = ['root', ...(noUsers === false ? ['an unprivileged user'] : [])] as const

describe.skipIf(noContainers).for(callers)('called by %s', (caller) => {
  let own: Scratch
  let oci: OciRuntime
  /** Cgroups are named for containers: no two tests on a machine may have a name in common. */
  let id: string
  /** A directory of the host that no container has anything to do with. */
  let host: string
  const isUser = caller !== 'root'
  const prefix = isUser ? asUser : []
  beforeEach(() => {
    own = scratch()
    chmodSync(own.path, 0o755)
    oci = new OciRuntime(own, prefix)
    id = `attack-${own.path.slice(-6)}`
    const outside = mkdtempSync(join(tmpdir(), 'tsbuild-host-'))
    chmodSync(outside, 0o755)
    host = makeHost(outside)
  })
  afterEach(() => {
    oci.dispose()
    own.dispose()
    rmSync(dirname(host), { recursive: true, force: true })
  })

  /** A container of the caller: a user's is in a user namespace, and has one id. */
  const box = (args: readonly string[]): Config => {
    const config = ociConfig(args)
    const map = [{ containerID: 0, hostID: userId, size: 1 }]
    if (!isUser) return config
    Object.assign(config.linux, { uidMappings: map, gidMappings: map })
    for (const mount of config.mounts) mount.options = mount.options?.filter((option) => option !== 'gid=5') ?? []
    return withNamespaces(config, [...namespaceTypes, 'user'])
  }
  const namespaceTypes = ['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup']
  /** Replaces those that a container has. */
  const withNamespaces = (config: Config, types: readonly string[]): Config => {
    config.linux['namespaces'] = types.map((type) => ({ type }))
    return config
  }
  /** All that the test has made so far belongs to the caller. */
  const bundle = (config: Config): string => {
    const path = oci.bundle(config)
    if (isUser) spawnSync('chown', ['-hR', `${userId}:${userId}`, own.path]) // what a racer moves meanwhile is its already
    return path
  }
  const sh = (script: string): Config => box(['sh', '-c', script])
  const run = (config: Config, more: readonly string[] = []): ReturnType<OciRuntime['run']> =>
    oci.run(['run', ...more, '-b', bundle(config), id])
  const create = async (config: Config): Promise<void> => {
    expect(await oci.detached(['create', '-b', bundle(config), id])).toMatchObject({ status: 0, stderr: '' })
  }
  const begin = async (config: Config): Promise<void> => {
    expect(await oci.detached(['run', '-d', '-b', bundle(config), id])).toMatchObject({ status: 0, stderr: '' })
  }
  const without = (config: Config, destination: string): Config => ({
    ...config,
    mounts: config.mounts.filter((mount) => !mount.destination.startsWith(destination)),
  })

  async function sandbox(config: Config, more: Record<string, unknown> = {}): Promise<PlanAnswer> {
    const upper = join(own.path, 'upper')
    const work = join(own.path, 'work')
    mkdirSync(upper, { mode: 0o755 })
    mkdirSync(work)
    bundle(config)
    const rootfs = { kind: 'layers', lower: [own.root], upper, work, volatile: true }
    const ids = [[0, userId, 1]]
    return runPlan(
      {
        verb: 'sandbox',
        id,
        ...(isUser ? { idmap: { uid: ids, gid: ids } } : {}),
        rootfs,
        config: isUser ? withoutUserNamespace(config) : config,
        network: { mode: 'none' },
        commit: { clampMtime: null },
        ...more,
      },
      { prefix },
    )
  }
  /** That of the plan is there already. */
  const withoutUserNamespace = (config: Config): Config => {
    const { uidMappings: _uids, gidMappings: _gids, ...linux } = config.linux
    return withNamespaces({ ...config, linux }, namespaceTypes)
  }

  describe('the runtime itself', () => {
    it('CVE-2019-5736: the binary that ran inside cannot be written to afterwards', () => {
      const core = join(own.path, 'core')
      cpSync(coreBinary, core)
      const place = bundle(sh('true'))
      const state = join(own.path, 'exe-state')
      const call = (...args: string[]): string =>
        execFileSync(core, ['--root', state, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      execFileSync('sh', ['-c', `exec "$@" >/dev/null 2>&1`, 'sh', core, '--root', state, 'create', '-b', place, id], {
        stdio: 'ignore',
      })
      const { pid } = JSON.parse(call('state', id)) as { pid: number }
      const exe = openSync(`/proc/${pid}/exe`, 'r')
      call('delete', '--force', id)
      expect(() => closeSync(openSync(`/proc/self/fd/${exe}`, 'r+'))).toThrow(/EROFS/)
      closeSync(exe)
    })

    it('CVE-2019-5736: a command that is /proc/self/exe runs from the read-only place as well', () => {
      writeFileSync(join(own.root, 'entry'), '#!/proc/self/exe --version\n', { mode: 0o755 })
      const outcome = run(box(['/entry']))
      expect(outcome.stderr + outcome.stdout).toMatch(/version [0-9]/)
      const config = box(['/proc/self/exe', 'spec', '--bundle', '/tmp'])
      expect(run(config)).toMatchObject({ status: 0 })
      expect(existsSync(join(own.root, 'tmp/config.json'))).toBe(true)
    })

    it('CVE-2024-21626: an inherited descriptor is no working directory', async () => {
      const leaked = openSync(host, 'r')
      const config = sh('cat secret')
      config.process['cwd'] = '/proc/self/fd/3'
      const stdio = ['pipe', 'pipe', 'pipe', leaked] as never
      expect(oci.run(['run', '--preserve-fds', '1', '-b', bundle(config), id], { stdio })).toMatchObject({
        status: 1,
        stdout: '',
        stderr: expect.stringContaining(
          "the working directory '/proc/self/fd/3' is outside of the container's root",
        ) as string,
      })
      await begin(box(['sleep', '1000']))
      for (let fd = 3; fd < 12; fd++) {
        const outcome = oci.run(['exec', '--cwd', `/proc/self/fd/${fd}`, id, 'cat', 'secret'], { stdio })
        expect(outcome).toMatchObject({ stdout: '' })
        expect(outcome.status).not.toBe(0)
      }
      closeSync(leaked)
    })

    // Defence: close_range before exec.
    it('a descriptor that whoever called the runtime left open is not in the container', async () => {
      const leaked = openSync(host, 'r')
      const stdio = ['pipe', 'pipe', 'pipe', leaked, leaked] as never
      const look = 'ls -l /proc/self/fd; cat /proc/self/fd/3/secret'
      const outcome = oci.run(['run', '-b', bundle(sh(look)), id], { stdio })
      expect(outcome).toMatchObject({ status: 1 })
      expect(outcome.stdout).toContain('0 -> ')
      expect(outcome.stdout).not.toContain(host)
      await begin(box(['sleep', '1000']))
      expect(oci.run(['exec', id, 'sh', '-c', look], { stdio }).stdout).not.toContain(host)
      closeSync(leaked)
    })

    // Defence: a session keyring of its own for each container.
    it('the keys of whoever called the runtime are not those of the container', () => {
      const config = sh('cat /proc/keys')
      config.linux['maskedPaths'] = []
      const { stdout } = run(config)
      expect(stdout).toContain(`_ses.${id}`)
    })

    it('CVE-2016-9962: nobody inside may look at what the runtime has open', async () => {
      const config = box(['sleep', '1000'])
      const uid = isUser ? userId : 1000
      if (!isUser) config.process['user'] = { uid, gid: uid }
      config.process['capabilities'] = { bounding: [], effective: [], permitted: [] }
      // the pids of the host are in sight
      withNamespaces(config, ['mount', 'uts', 'ipc', 'network', ...(isUser ? ['user'] : [])])
      await create(config)
      const pid = String(oci.state(id)['pid'])
      const { status } = spawnSync('ls', [`/proc/${pid}/fd/`], { uid, gid: uid })
      expect(status).not.toBe(0)
    })

    it('a further process in a container whose root is a chroot is in that root', async () => {
      const config = box(['sleep', '1000'])
      config.mounts = []
      for (const name of ['resources', 'maskedPaths', 'readonlyPaths']) delete config.linux[name]
      withNamespaces(config, ['uts', 'ipc', 'network', ...(isUser ? ['user'] : [])])
      await begin(config)
      for (const path of [join(host, 'secret'), `../../../../../../../..${host}/secret`])
        expect(oci.run(['exec', id, 'cat', path])).toMatchObject({ status: 1, stdout: '' })
      expect(oci.run(['exec', id, 'ls', '/bin/busybox'])).toMatchObject({ status: 0, stdout: '/bin/busybox\n' })
    })

    it('a pid that now belongs to another process is not taken for the container', async () => {
      await begin(box(['sleep', '1000']))
      oci.run(['kill', id, 'KILL'])
      const other = spawn('sleep', ['1000'])
      const path = join(oci.stateRoot, id, 'state.json')
      const state = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
      writeFileSync(path, JSON.stringify({ ...state, pid: other.pid }))
      expect(oci.state(id)).toMatchObject({ status: 'stopped' })
      expect(oci.run(['kill', id, 'KILL']).status).toBe(1)
      expect(oci.run(['delete', '--force', id]).status).toBe(0)
      expect(other.exitCode).toBeNull()
      expect(existsSync(`/proc/${String(other.pid)}`)).toBe(true)
      other.kill('SIGKILL')
    })
  })

  describe('mounts', () => {
    it.for(['/link/point', '/up/point', '/dir/../../../../../point'])(
      'CVE-2024-45310: the place %o is made inside the root only',
      (destination) => {
        symlinkSync(host, join(own.root, 'link'))
        symlinkSync(`../../../../../../../..${host}`, join(own.root, 'up'))
        mkdirSync(join(own.root, 'dir'))
        const config = sh(`ls -d ${destination}`)
        config.mounts.push({ destination, type: 'tmpfs', source: 'tmpfs' })
        expect(run(config)).toMatchObject({ status: 0 })
        expectUntouched(host)
        expect(existsSync('/point')).toBe(false)
      },
    )

    it('CVE-2021-30465: a place that is exchanged for a link all the time never leads outside', () => {
      const volume = join(own.path, 'volume')
      mkdirSync(join(volume, 'real'), { recursive: true })
      symlinkSync(`../../../../../../../../../..${host}`, join(volume, 'fake'))
      const racer = spawn('sh', [
        '-c',
        'cd "$1" && while :; do mv real place; mv place real; mv fake place; mv place fake; done 2>/dev/null',
        'sh',
        volume,
      ])
      try {
        for (let i = 0; i < 40; i++) {
          const config = box(['true'])
          config.mounts.push(
            { destination: '/volume', type: 'bind', source: volume, options: ['rbind'] },
            { destination: '/volume/place/point', type: 'tmpfs', source: 'tmpfs' },
          )
          run(config) // may fail: the place is not always there
          expectUntouched(host)
        }
      } finally {
        racer.kill('SIGKILL')
      }
    })

    it.for(['/tmp', '/sys', 'bin'])('CVE-2019-19921: /proc that is a link to %o is refused', (target) => {
      rmdirSync(join(own.root, 'proc'))
      symlinkSync(target, join(own.root, 'proc'))
      expect(run(sh('true'))).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(
          "cannot mount 'proc' on '/proc': it must be mounted on ordinary directory",
        ) as string,
      })
    })

    it.for(['/proc/self/attr', '/proc/sys', '/proc/1', '/link/sys'])(
      'CVE-2019-16884: nothing is mounted on %o',
      (destination) => {
        symlinkSync('proc', join(own.root, 'link'))
        const config = sh('true')
        config.mounts.push({ destination, type: 'bind', source: host, options: ['bind'] })
        expect(run(config)).toMatchObject({
          status: 1,
          stderr: expect.stringContaining('it is inside of procfs') as string,
        })
      },
    )

    it('CVE-2019-16884: a directory of the image does not pass for procfs', () => {
      const config = sh('true')
      config.mounts = [{ destination: '/proc', type: 'bind', source: host, options: ['bind'] }]
      expect(run(config)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('what is mounted is not a procfs') as string,
      })
    })

    it('CVE-2025-31133: a false /dev/null unmasks nothing', () => {
      const dev = join(own.path, 'dev')
      mkdirSync(dev)
      symlinkSync('/etc/passwd', join(dev, 'null'))
      writeFileSync(join(own.root, 'etc/hidden'), 'hidden\n')
      const config = without(sh('wc -c < /etc/hidden; wc -c < /proc/keys'), '/dev')
      config.mounts.push({ destination: '/dev', type: 'bind', source: dev, options: ['bind'] })
      config.linux['maskedPaths'] = ['/etc/hidden', '/proc/keys']
      expect(run(config)).toMatchObject({ status: 0, stdout: '0\n0\n' })
    })

    it('CVE-2025-52565: a console that is a link covers nothing', () => {
      const dev = join(own.path, 'dev')
      mkdirSync(join(dev, 'pts'), { recursive: true })
      symlinkSync('/proc/uptime', join(dev, 'console'))
      const config = without(sh('true'), '/dev')
      config.process['terminal'] = true
      config.mounts.push(
        { destination: '/dev', type: 'bind', source: dev, options: ['bind'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
      )
      expect(run(config)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("cannot mount on '/dev/console': it is a link") as string,
      })
    })

    it.for([
      ['a device', ['c', '1', '5']],
      ['that of the host', ['c', '5', '2']],
      ['a FIFO', ['p']],
    ] as const)('CVE-2025-52565: a ptmx that is %s opens no terminal', ([, kind]) => {
      const dev = join(own.path, 'dev')
      mkdirSync(join(dev, 'pts'), { recursive: true })
      execFileSync('mknod', [join(dev, 'pts/ptmx'), ...kind])
      const config = without(sh('true'), '/dev')
      config.process['terminal'] = true
      config.mounts.push({ destination: '/dev', type: 'bind', source: dev, options: ['bind'] })
      expect(run(config)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('/dev/pts/ptmx is not of a devpts') as string,
      })
    })

    // Defence: what is written to /proc is opened below it, without links and without mounts upon it.
    it.for(['net/../../self/../../planted', 'net/../../self/root$PATH', 'net.ipv4.../../../../../..$PATH'])(
      'CVE-2025-52881: the sysctl %s writes nowhere else',
      (key) => {
        const planted = join(own.path, 'planted')
        writeFileSync(planted, '')
        chmodSync(planted, 0o666)
        const config = sh('true')
        config.linux['sysctl'] = { [key.replace('$PATH', planted)]: 'written' }
        expect(run(config)).toMatchObject({ status: 1 })
        expect(readFileSync(planted, 'utf8')).toBe('')
      },
    )

    // Defence: readonlyPaths are mounts of their own.
    it('what is read-only is', () => {
      const script = 'for f in sys/kernel/core_pattern sysrq-trigger; do echo x > /proc/$f || true; done'
      const config = sh(script)
      const { stderr } = run(config)
      expect(stderr.match(/Read-only file system|nonexistent directory/g)).toHaveLength(2)
      const here = readFileSync('/proc/self/mountinfo', 'utf8')
      expect(here).not.toContain(own.root)
    })

    it('CVE-2024-1753: the source of a tree is looked up inside the tree', async () => {
      const tree = join(own.path, 'stage')
      mkdirSync(tree)
      symlinkSync(host, join(tree, 'link'))
      const trees = [{ tree: { kind: 'dir', path: tree }, source: '/link', target: '/mnt' }]
      expect((await sandbox(sh('cat /mnt/secret'), { trees })).error).toMatchObject({ code: 'PATH_MISSING' })
    })

    it('CVE-2024-23652: mount points are taken away inside the root only', async () => {
      const decoy = join(host, 'deep')
      mkdirSync(decoy)
      writeFileSync(join(decoy, 'point'), '')
      const config = sh(`mv /made /moved && ln -s ${host} /made && ls -l /made`)
      config.mounts.push({
        destination: '/made/deep/point',
        type: 'bind',
        source: join(host, 'secret'),
        options: ['bind'],
      })
      expect((await sandbox(config)).result).toMatchObject({ exitCode: 0 })
      expect(existsSync(join(decoy, 'point'))).toBe(true)
    })
  })

  describe('what an image contains', () => {
    it.for(['etc/passwd', 'etc/group'])('a FIFO as %s hangs nobody', async (path) => {
      rmSync(join(own.root, path))
      execFileSync('mkfifo', [join(own.root, path)])
      const answer = await sandbox(sh('echo $HOME'), { user: { name: '0', groups: [] } })
      expect(answer.stdout.toString()).toMatch(/^\/(root)?\n/)
    })

    // Defence: what it is comes before it is opened: an image's /etc/passwd may be the device of a watchdog.
    it('a FIFO as etc/passwd is not even opened', async () => {
      const fifo = join(own.root, 'etc/passwd')
      rmSync(fifo)
      execFileSync('mkfifo', [fifo])
      let opened = false
      const writer = openFile(fifo, 'w').finally(() => (opened = true))
      expect(run(sh('echo $HOME'))).toMatchObject({ status: 0, stdout: '/\n' })
      for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate)
      expect(opened).toBe(false)
      closeSync(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK))
      await (await writer).close()
    })

    it('a passwd that points to that of the host names no user of it', async () => {
      rmSync(join(own.root, 'etc/passwd'))
      writeFileSync(join(host, 'passwd'), 'ghost:x:77:77::/:/bin/sh\n')
      symlinkSync(join(host, 'passwd'), join(own.root, 'etc/passwd'))
      expect((await sandbox(sh('true'), { user: { name: 'ghost', groups: [] } })).error).toMatchObject({
        code: 'USER_UNKNOWN',
      })
    })

    // Defence: their number is limited, and no two of them are compared.
    it('a group file that has a user in more groups than the kernel takes is refused', async () => {
      writeFileSync(join(own.root, 'etc/passwd'), 'a:x:0:0::/:/bin/sh\n')
      const lines = Array.from({ length: 70_000 }, (_, at) => `g:x:${at + 1}:a\n`)
      writeFileSync(join(own.root, 'etc/group'), lines.join(''))
      expect((await sandbox(sh('true'), { user: { name: 'a', groups: [] } })).error).toMatchObject({
        code: 'USER_UNKNOWN',
        message: expect.stringContaining('more than 65536 groups') as string,
      })
    })

    it('groups that are named often are had once', async () => {
      writeFileSync(join(own.root, 'etc/passwd'), 'a:x:0:0::/:/bin/sh\n')
      writeFileSync(join(own.root, 'etc/group'), 'z:x:0:a\ng:x:9:a\nh:x:8:b,a\ni:x:9:a\n'.repeat(1000))
      const { stdout } = await sandbox(sh('grep Groups /proc/self/status'), { user: { name: 'a', groups: ['4'] } })
      if (!isUser) expect(stdout.toString().trim()).toBe('Groups:\t0 4 8 9')
    })

    it('a working directory that is a link to the host is made inside', () => {
      symlinkSync(join(host, 'made'), join(own.root, 'work'))
      const config = sh('pwd -P')
      config.process['cwd'] = '/work'
      expect(run(config)).toMatchObject({ status: 0, stdout: `${join(host, 'made')}\n` })
      expectUntouched(host)
    })

    it('a device of the host opens for nobody', () => {
      const disk = execFileSync('sh', ['-c', 'stat -c "%d" /'], { encoding: 'utf8' }).trim()
      const major = Number(disk) >> 8
      const minor = Number(disk) & 255
      expect(run(sh(`mknod /tmp/disk b ${major} ${minor} && head -c1 /tmp/disk`)).stderr).toContain(
        'Operation not permitted',
      )
    })
  })

  describe('rights', () => {
    it('CVE-2022-29162: neither a container nor a process in it has inheritable capabilities', async () => {
      await begin(box(['sleep', '1000']))
      const inheritable = (text: string): string => /CapInh:\t(\w+)/.exec(text)![1]!
      expect(inheritable(readFileSync(`/proc/${String(oci.state(id)['pid'])}/status`, 'utf8'))).toBe('0'.repeat(16))
      expect(inheritable(oci.run(['exec', '--cap', 'CAP_NET_ADMIN', id, 'cat', '/proc/self/status']).stdout)).toBe(
        '0'.repeat(16),
      )
    })

    it('loading a filter leaves no CAP_SYS_ADMIN behind', () => {
      const config = sh('grep -E "Cap(Prm|Eff|Bnd)" /proc/self/status')
      config.process['capabilities'] = { bounding: [], effective: [], permitted: [] }
      config.linux['seccomp'] = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_ERRNO' }],
      }
      expect(run(config).stdout.match(/0{16}/g)).toHaveLength(3)
    })

    it('a process in a container has its filter and its no_new_privs', async () => {
      const config = box(['sleep', '1000'])
      config.process['noNewPrivileges'] = true
      config.linux['seccomp'] = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
      }
      await begin(config)
      const path = join(own.path, 'process.json')
      writeFileSync(
        path,
        JSON.stringify({
          args: ['sh', '-c', 'mkdir /tmp/x; grep NoNew /proc/self/status'],
          cwd: '/',
          env: ['PATH=/bin'],
          noNewPrivileges: false,
        }),
      )
      expect(oci.run(['exec', '--process', path, id])).toMatchObject({
        stdout: 'NoNewPrivs:\t1\n',
        stderr: expect.stringContaining('Operation not permitted') as string,
      })
    })

    it('system calls that are newer than a profile do not exist', () => {
      // keyctl has a lower number than the newest call that the profile names: it gets the default answer, EPERM
      const config = sh('true')
      config.process['args'] = ['sh', '-c', 'mkdir /tmp/refused']
      const allowed =
        'read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn ioctl access pipe dup dup2 getpid fork vfork clone execve exit wait4 kill uname fcntl getcwd chdir readlink umask gettimeofday getuid getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setresuid setresgid sigaltstack prctl arch_prctl gettid time futex set_tid_address exit_group openat newfstatat readlinkat set_robust_list pipe2 prlimit64 getrandom statx rseq capget capset sendmsg sendto recvmsg close_range faccessat2 getresuid getresgid tgkill'
      config.linux['seccomp'] = {
        defaultAction: 'SCMP_ACT_ERRNO',
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
        syscalls: [{ names: allowed.split(' '), action: 'SCMP_ACT_ALLOW' }],
      }
      expect(run(config)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('Operation not permitted') as string,
      })
    })

    it('signals that whoever called the runtime ignores are not ignored inside', () => {
      const place = bundle(box(['grep', 'SigIgn', '/proc/self/status']))
      const command = [...prefix, coreBinary, '--root', oci.stateRoot, 'run', '-b', place, id]
      const { stdout } = spawnSync('sh', ['-c', 'trap "" HUP; exec "$@"', 'sh', ...command], { encoding: 'utf8' })
      expect(stdout).toBe(`SigIgn:\t${'0'.repeat(16)}\n`)
    })

    it('without a terminal of its own a container has no hold on that of the caller', () => {
      const place = bundle(box(['cut', '-d', ' ', '-f', '7', '/proc/self/stat']))
      const command = `${[...prefix, coreBinary].join(' ')} --root ${oci.stateRoot} run -b ${place} ${id}`
      const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', input: '' })
      expect(stdout.trim().split('\r\n').at(-1)).toBe('0')
    })

    it('sees and changes no cgroup but its own', () => {
      const config = sh(
        'find /sys/fs/cgroup -name cgroup.procs | xargs cat | sort -u; echo 1 > /sys/fs/cgroup/unified/cgroup.procs; true',
      )
      config.mounts.push({
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['ro', 'nosuid', 'noexec', 'nodev'],
      })
      const outcome = run(config)
      // pids of its own namespace only: processes outside would show as 0
      expect(outcome.stdout.trim().split('\n')).not.toContain('0')
      if (!isUser) expect(outcome.stdout.trim().split('\n')).toContain('1') // a user may have none at all
      expect(outcome.stderr).toMatch(/Read-only file system|nonexistent directory/)
    })
  })

  describe('cleaning up', () => {
    it('delete takes away its own files and nothing that lies beside them', async () => {
      await begin(box(['sleep', '1000']))
      symlinkSync(host, join(oci.stateRoot, id, 'link'))
      cpSync(host, join(oci.stateRoot, id, 'copy'), { recursive: true })
      expect(oci.run(['delete', '--force', id]).status).toBe(1)
      expectUntouched(host)
      expect(readdirSync(join(oci.stateRoot, id)).sort()).toEqual(['copy', 'link'])
    })

    it.for(['../escape', 'a/../../b', '/etc'])('the id %o names no directory', (path) => {
      expect(oci.run(['delete', '--force', path])).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('invalid container ID format') as string,
      })
    })
  })
})
