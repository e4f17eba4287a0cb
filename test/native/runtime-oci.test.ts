import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { coreBinary } from '../helpers/native-plan.ts'
import { useOci } from '../helpers/oci-test.ts'
import { type OciRuntime, noContainers, ociConfig, until, type Scratch } from '../helpers/runtime-bundle.ts'

let own: Scratch
let oci: OciRuntime
let id: string
useOci('oci', (test) => ({ own, oci, id } = test))

/** A started container that waits. */
async function running(config = ociConfig(['sleep', '1000'])): Promise<void> {
  expect(await oci.detached(['run', '--detach', '--bundle', oci.bundle(config), id])).toMatchObject({
    status: 0,
    stderr: '',
  })
}

/** Line of /proc/PID/stat; empty when the process is gone. */
function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return ''
  }
}

describe.skipIf(noContainers)('life cycle', () => {
  it('create waits, start starts, kill ends, delete removes', async () => {
    const pidFile = join(own.path, 'pid')
    const bundle = oci.bundle(ociConfig(['sh', '-c', 'echo started; exec sleep 1000']))
    expect(await oci.detached(['create', '--bundle', bundle, '--pid-file', pidFile, id])).toMatchObject({
      status: 0,
      stderr: '',
    })
    expect(oci.state(id)).toMatchObject({
      ociVersion: '1.2.1',
      id,
      status: 'created',
      bundle,
      pid: Number(readFileSync(pidFile, 'utf8')),
    })
    expect(oci.output('create')).toBe('')

    expect(oci.run(['start', id])).toMatchObject({ status: 0, stderr: '' })
    await until(() => oci.output('create') === 'started\n', 'the output')
    expect(oci.state(id)).toMatchObject({ status: 'running' })
    expect(oci.run(['start', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot start an already running container') as string,
    })
    expect(oci.run(['delete', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`cannot delete container ${id} that is not stopped: running`) as string,
    })

    expect(oci.run(['kill', id, 'KILL'])).toMatchObject({ status: 0 })
    await until(() => oci.state(id)['status'] === 'stopped', 'the end')
    expect(oci.state(id)).toMatchObject({ pid: 0 })
    expect(oci.run(['kill', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('container not running') as string,
    })
    expect(oci.run(['start', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot start a container that has stopped') as string,
    })
    expect(oci.run(['delete', id])).toMatchObject({ status: 0 })
    expect(oci.run(['state', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('container does not exist') as string,
    })
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
  })

  it('run gives output and exit code and leaves nothing', () => {
    const bundle = oci.bundle(ociConfig(['sh', '-c', 'cat; echo err >&2; exit 42']))
    expect(oci.run(['run', '-b', bundle, id], { input: 'in' })).toEqual({ status: 42, stdout: 'in', stderr: 'err\n' })
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
  })

  it('a second container of one id is refused and the first one left alone', async () => {
    await running()
    expect(oci.run(['run', '-b', oci.bundle(ociConfig(['true'])), id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('container with given ID already exists') as string,
    })
    expect(oci.state(id)).toMatchObject({ status: 'running' })
  })

  it.for(['', '.', '..', 'a/b', '../x', 'a b', 'é'])('the id %o is refused', (name) => {
    expect(oci.run(['run', '-b', oci.bundle(ociConfig(['true'])), name])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/container id/i) as string,
    })
  })

  it('delete is idempotent only with --force', async () => {
    expect(oci.run(['delete', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('container does not exist') as string,
    })
    expect(oci.run(['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' })
    await running()
    expect(oci.run(['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' })
  })

  it('delete removes what a killed create has left', () => {
    mkdirSync(join(oci.stateRoot, id), { recursive: true })
    expect(oci.run(['delete', '--force', id])).toMatchObject({ status: 0 })
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
  })

  it('a failed create leaves nothing', () => {
    const bundle = oci.bundle(ociConfig(['nosuch']))
    expect(oci.run(['create', '-b', bundle, id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('exec: \\"nosuch\\": executable file not found in $PATH') as string,
    })
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
  })

  it('pause, resume, list and ps', async () => {
    await running()
    expect(oci.run(['pause', id])).toMatchObject({ status: 0 })
    expect(oci.state(id)).toMatchObject({ status: 'paused' })
    expect(oci.run(['pause', id]).status).toBe(1)
    expect(oci.run(['exec', id, 'true'])).toMatchObject({
      status: 255,
      stderr: expect.stringContaining('cannot exec in a paused container') as string,
    })
    expect(oci.run(['resume', id])).toMatchObject({ status: 0 })
    expect(oci.run(['resume', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('container not paused') as string,
    })
    const { pid } = oci.state(id)
    expect(JSON.parse(oci.run(['ps', '--format', 'json', id]).stdout)).toEqual([pid])
    expect(JSON.parse(oci.run(['list', '--format', 'json']).stdout)).toMatchObject([
      { id, pid, status: 'running', owner: '0' },
    ])
    expect(oci.run(['list', '-q']).stdout).toBe(`${id}\n`)
    expect(oci.run(['list']).stdout).toMatch(/^ID +PID +STATUS +BUNDLE +CREATED +OWNER\n/)
  })

  it('a paused container can be killed', async () => {
    await running()
    oci.run(['pause', id])
    expect(oci.run(['kill', id, '9'])).toMatchObject({ status: 0 })
    await until(() => oci.state(id)['status'] === 'stopped', 'the end')
  })

  it('kill --all ends every process of a container without a pid namespace', async () => {
    const config = ociConfig(['sh', '-c', 'sleep 1000 & sleep 1000 & wait'])
    config.linux['namespaces'] = ['ipc', 'uts', 'mount', 'network', 'cgroup'].map((type) => ({ type }))
    await running(config)
    let pids: readonly number[] = []
    await until(() => {
      pids = JSON.parse(oci.run(['ps', '-f', 'json', id]).stdout) as number[]
      return pids.length === 3
    }, 'three processes')
    expect(oci.run(['kill', '--all', id, 'KILL']).status).toBe(0)
    await until(() => pids.every((pid) => /\) Z|^$/.test(statOf(pid))), 'the end')
  })
})

describe.skipIf(noContainers)('exec', () => {
  beforeEach(() => running())

  it('runs with streams, environment, directory and exit code', () => {
    const args = [
      'exec',
      '--env',
      'A=b',
      '--cwd',
      '/tmp',
      id,
      'sh',
      '-c',
      'cat; echo $A; pwd; readlink /proc/1/exe; exit 5',
    ]
    expect(oci.run(args, { input: 'in\n' })).toEqual({ status: 5, stdout: 'in\nb\n/tmp\n/bin/busybox\n', stderr: '' })
  })

  it('has the rights of the container, and what is asked for', () => {
    const status = (...flags: string[]): string =>
      oci.run(['exec', ...flags, id, 'grep', '-E', 'Cap(Prm|Bnd|Amb)|NoNew|^Uid|Groups', '/proc/self/status']).stdout
    const container = readFileSync(`/proc/${String(oci.state(id)['pid'])}/status`, 'utf8')
    expect(status()).toContain(/CapBnd:.*/.exec(container)![0])
    const other = status('--user', '7:8', '-g', '9', '--no-new-privs')
    expect(other).toMatch(/Uid:\t7\t7\t7\t7/)
    expect(other).toMatch(/Groups:\t9 /)
    expect(other).toMatch(/NoNewPrivs:\t1/)
    expect(other).toMatch(/CapAmb:\t0+$/m)
  })

  it('takes a process.json', () => {
    const path = join(own.path, 'process.json')
    writeFileSync(
      path,
      JSON.stringify({
        args: ['sh', '-c', 'id -u; echo $X'],
        cwd: '/',
        env: ['PATH=/bin', 'X=y'],
        user: { uid: 33, gid: 33 },
      }),
    )
    expect(oci.run(['exec', '--process', path, id])).toMatchObject({ status: 0, stdout: '33\ny\n' })
  })

  it('is in the cgroup of the container', () => {
    const { stdout } = oci.run(['exec', id, 'cat', '/proc/1/cgroup', '/proc/self/cgroup'])
    const lines = stdout.trim().split('\n')
    expect(lines.slice(0, lines.length / 2)).toEqual(lines.slice(lines.length / 2))
  })

  it.for([
    [['nosuch'], 'exec: \\"nosuch\\": executable file not found in $PATH'],
    [['/etc/passwd'], 'exec: \\"/etc/passwd\\": permission denied'],
    [['--cwd', '/none', 'true'], "cannot enter the working directory '/none'"],
  ] as const)('says why %o cannot be run', ([args, text]) => {
    const flags = args[0] === '--cwd' ? ['--cwd', args[1]] : []
    const command = args[0] === '--cwd' ? ['true'] : args
    expect(oci.run(['exec', ...flags, id, ...command])).toMatchObject({
      status: 255,
      stderr: expect.stringContaining(text) as string,
    })
  })

  it('detached writes the pid and goes on', async () => {
    const pidFile = join(own.path, 'exec.pid')
    expect(await oci.detached(['exec', '--detach', '--pid-file', pidFile, id, 'sleep', '1000'])).toMatchObject({
      status: 0,
    })
    expect(readFileSync(`/proc/${readFileSync(pidFile, 'utf8')}/cmdline`, 'utf8')).toBe('sleep\x001000\x00')
  })

  it('has a terminal when asked', () => {
    expect(oci.run(['exec', '--tty', id, 'sh', '-c', 'tty; test -t 2 && echo yes'])).toMatchObject({
      status: 0,
      stdout: '/dev/pts/0\nyes\n',
    })
  })

  it('gets signals that are sent to the runtime', async () => {
    const child = spawn(coreBinary, [
      '--root',
      oci.stateRoot,
      'exec',
      id,
      'sh',
      '-c',
      'trap "echo caught; exit 3" USR1; echo ready; while :; do sleep 0.05; done',
    ])
    const code = new Promise((resolve) => child.on('exit', resolve))
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output === 'ready\n') child.kill('SIGUSR1')
    })
    expect(await code).toBe(3)
    expect(output).toBe('ready\ncaught\n')
  })
})

describe.skipIf(noContainers)('config', () => {
  const stdout = (change: (config: ReturnType<typeof ociConfig>) => void, ...args: string[]): string => {
    const config = ociConfig(args)
    change(config)
    const outcome = oci.run(['run', '-b', oci.bundle(config), id])
    expect(outcome).toMatchObject({ status: 0, stderr: '' })
    return outcome.stdout
  }

  it('a terminal in the foreground', () => {
    const config = ociConfig(['sh', '-c', 'tty; ls -l /dev/console | cut -c1; stty size'])
    config.process['terminal'] = true
    config.process['consoleSize'] = { height: 11, width: 22 }
    expect(oci.run(['run', '-b', oci.bundle(config), id])).toMatchObject({
      status: 0,
      stdout: '/dev/pts/0\nc\n11 22\n',
    })
  })

  it('a terminal needs a socket when nobody stays', () => {
    const config = ociConfig(['true'])
    config.process['terminal'] = true
    expect(oci.run(['create', '-b', oci.bundle(config), id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot allocate tty') as string,
    })
  })

  it('hooks run in order, each in its place, with the state on stdin', () => {
    const log = join(own.path, 'hooks')
    const hook = (name: string, where = ''): object[] => [
      {
        path: '/bin/sh',
        args: ['sh', '-c', `printf '%s ' ${name} >> ${where}${log}; cat >> ${where}${log}; echo >> ${where}${log}`],
        env: ['PATH=/bin:/usr/bin'],
      },
    ]
    mkdirSync(join(own.root, own.path), { recursive: true })
    const config = ociConfig(['sh', '-c', `cat ${log}`])
    config.mounts.push({ destination: own.path, type: 'bind', source: own.path, options: ['rbind'] })
    config.annotations = { key: 'value' }
    config.hooks = {
      prestart: hook('prestart'),
      createRuntime: hook('createRuntime'),
      createContainer: hook('createContainer'),
      startContainer: hook('startContainer'),
      poststart: hook('poststart'),
      poststop: hook('poststop'),
    }
    oci.run(['run', '-b', oci.bundle(config), id])
    const lines = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
    expect(lines.map(([name]) => name)).toEqual([
      'prestart',
      'createRuntime',
      'createContainer',
      'startContainer',
      'poststart',
      'poststop',
    ])
    const states = lines.map((words) => JSON.parse(words.slice(1).join(' ')) as Record<string, unknown>)
    expect(states.map(({ status }) => status)).toEqual([
      'created',
      'creating',
      'creating',
      'created',
      'running',
      'stopped',
    ])
    expect(states[0]).toMatchObject({ id, annotations: { key: 'value' } })
  })

  it('a failing hook stops the creation', () => {
    const config = ociConfig(['true'])
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', 'exit 3'] }] }
    expect(oci.run(['run', '-b', oci.bundle(config), id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("createRuntime hook failed with exit code 3: '/bin/sh'") as string,
    })
    config.hooks = { createContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'sleep 60'], timeout: 1 }] }
    expect(oci.run(['run', '-b', oci.bundle(config), id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('did not end within 1 seconds') as string,
    })
  })

  it('preserved descriptors, and no others', () => {
    const file = openSync(join(own.path, 'kept'), 'w')
    const config = ociConfig(['sh', '-c', 'echo kept >&3; ls /proc/self/fd'])
    const bundle = oci.bundle(config)
    const { status, stdout } = oci.run(['run', '--preserve-fds', '1', '-b', bundle, id], {
      stdio: ['pipe', 'pipe', 'pipe', file, file] as never,
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '0\n1\n2\n3\n4\n' }) // 4 is the directory that ls reads
    expect(readFileSync(join(own.path, 'kept'), 'utf8')).toBe('kept\n')
  })

  it('a read-only root, masked and read-only paths', () => {
    const text = stdout(
      (config) => (config.root = { path: own.root, readonly: true }),
      'sh',
      '-c',
      'touch /x 2>&1; wc -c < /proc/keys; ls /sys/firmware | wc -l; { echo 1 > /proc/sys/kernel/msgmax; } 2>&1 | grep -o Read-only',
    )
    expect(text).toBe('touch: /x: Read-only file system\n0\n0\nRead-only\n')
  })

  it('tmpfs with the content below it', () => {
    writeFileSync(join(own.root, 'etc/deep'), 'below\n')
    const text = stdout(
      (config) =>
        config.mounts.push({
          destination: '/etc',
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['tmpcopyup', 'mode=0711'],
        }),
      'sh',
      '-c',
      'cat /etc/deep; echo new > /etc/new; stat -c %a /etc',
    )
    expect(text).toBe('below\n755\n')
    expect(existsSync(join(own.root, 'etc/new'))).toBe(false)
  })

  it('recursive read-only attributes reach what is mounted below', () => {
    const inner = join(own.path, 'outer/inner')
    mkdirSync(inner, { recursive: true })
    const text = stdout(
      (config) => {
        config.mounts.push({ destination: '/o', type: 'bind', source: join(own.path, 'outer'), options: ['rbind'] })
        config.mounts.push({ destination: '/o/inner', type: 'tmpfs', source: 'tmpfs' })
        config.mounts.push({
          destination: '/p',
          type: 'bind',
          source: join(own.path, 'outer'),
          options: ['rbind', 'rro'],
        })
      },
      'sh',
      '-c',
      'touch /o/inner/x && echo a; touch /p/inner/y 2>&1; true',
    )
    expect(text).toBe('a\ntouch: /p/inner/y: Read-only file system\n')
  })

  it('a time namespace with offsets', () => {
    const text = stdout(
      (config) => {
        ;(config.linux['namespaces'] as object[]).push({ type: 'time' })
        config.linux['timeOffsets'] = { boottime: { secs: 1000000, nanosecs: 0 }, monotonic: { secs: 5, nanosecs: 0 } }
      },
      'cut',
      '-d.',
      '-f1',
      '/proc/uptime',
    )
    expect(Number(text)).toBeGreaterThan(1000000)
  })

  it('a personality, hostname and domain name', () => {
    const text = stdout(
      (config) => {
        config.linux['personality'] = { domain: 'LINUX32' }
        ;(config as unknown as Record<string, unknown>)['domainname'] = 'example.test'
      },
      'sh',
      '-c',
      'uname -m; uname -n; cat /proc/sys/kernel/domainname',
    )
    expect(text).toMatch(/^i686\nbox\nexample.test\n$/)
  })

  it('scheduler and I/O priority', () => {
    const text = stdout(
      (config) => {
        config.process['scheduler'] = { policy: 'SCHED_BATCH', nice: 5 }
        config.process['ioPriority'] = { class: 'IOPRIO_CLASS_BE', priority: 6 }
      },
      'sh',
      '-c',
      'cut -d" " -f19,41 /proc/self/stat; ionice',
    )
    expect(text).toBe('5 3\nbest-effort: prio 6\n')
  })

  it('namespaces that are joined by path', async () => {
    await running()
    const { pid } = oci.state(id)
    const other = ociConfig(['sh', '-c', 'hostname; ls /proc | grep -c "^[0-9]"; readlink /proc/self/ns/net'])
    delete other.hostname
    other.linux['namespaces'] = [
      { type: 'mount' },
      ...['pid', 'network', 'uts', 'ipc', 'cgroup'].map((type) => ({
        type,
        path: `/proc/${String(pid)}/ns/${type === 'network' ? 'net' : type}`,
      })),
    ]
    const { status, stdout: text } = oci.run(['run', '-b', oci.bundle(other, 'second'), `${id}-b`])
    expect(status).toBe(0)
    expect(text.split('\n')[0]).toBe('box')
    expect(Number(text.split('\n')[1])).toBeGreaterThan(1)
    expect(text).toContain(`net:[`)
    expect(oci.state(id)).toMatchObject({ status: 'running' })
  })

  it('sends the descriptor of a seccomp supervisor', async () => {
    const socket = join(own.path, 'supervisor')
    let received = ''
    const server = createServer((connection) =>
      connection.on('data', (chunk: Buffer) => (received += chunk.toString())),
    )
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const config = ociConfig(['true'])
    config.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: socket,
      listenerMetadata: 'meta',
      syscalls: [{ names: ['swapon'], action: 'SCMP_ACT_NOTIFY' }],
    }
    const child = spawn(coreBinary, ['--root', oci.stateRoot, 'run', '-b', oci.bundle(config), id])
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0)
    await until(() => received.endsWith('}'), 'the state')
    server.close()
    expect(JSON.parse(received)).toMatchObject({
      fds: ['seccompFd'],
      metadata: 'meta',
      state: { id, status: 'creating' },
    })
  })
})

describe.skipIf(noContainers)('limits', () => {
  it('update changes those that are named', async () => {
    const config = ociConfig(['sleep', '1000'])
    config.mounts.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] })
    config.linux['resources'] = { memory: { limit: 100 << 20 }, pids: { limit: 50 }, cpu: { shares: 512 } }
    await running(config)
    const limits = (): string[] =>
      oci
        .run([
          'exec',
          id,
          'sh',
          '-c',
          'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares 2>/dev/null || cat memory.max pids.max cpu.weight',
        ])
        .stdout.trim()
        .split('\n')
    expect(limits()).toEqual([`${100 << 20}`, '50', expect.stringMatching(/^(512|59)$/)])
    expect(oci.run(['update', '--memory', '64m', id])).toMatchObject({ status: 0, stderr: '' })
    expect(oci.run(['update', '--resources', '-', id], { input: '{"pids":{"limit":60}}' })).toMatchObject({ status: 0 })
    expect(limits()).toEqual([`${64 << 20}`, '60', expect.any(String)])
    expect(oci.run(['update', '--memory', 'much', id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('invalid value for memory: much') as string,
    })
  })

  it('events tells figures', async () => {
    await running()
    const event = JSON.parse(oci.run(['events', '--stats', id]).stdout) as {
      type: string
      id: string
      data: Record<string, Record<string, Record<string, number>>>
    }
    expect(event).toMatchObject({ type: 'stats', id })
    expect(event.data['cpu']!['usage']!['total']).toBeGreaterThan(0)
    expect(event.data['memory']!['usage']!['usage']).toBeGreaterThan(0)
    expect(event.data['pids']).toMatchObject({ current: 1 })
  })
})

describe('without a container', () => {
  it('features lists what can be done', () => {
    const features = JSON.parse(oci.run(['features']).stdout) as Record<string, unknown>
    expect(features).toMatchObject({
      ociVersionMin: '1.0.0',
      hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
    })
    expect(features['linux']).toMatchObject({ cgroup: { v1: true, v2: true }, seccomp: { enabled: true } })
  })

  it.skipIf(noContainers)('spec writes a config that runs', () => {
    const bundle = join(own.path, 'spec')
    mkdirSync(bundle)
    expect(oci.run(['spec', '--bundle', bundle])).toMatchObject({ status: 0 })
    expect(oci.run(['spec', '--bundle', bundle])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('config.json exists') as string,
    })
    const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
      root: { path: string }
      process: { args: string[]; terminal: boolean }
    }
    config.root.path = own.root
    config.process = { ...config.process, args: ['echo', 'it runs'], terminal: false }
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
    expect(oci.run(['run', '-b', bundle, id])).toMatchObject({ status: 0, stdout: 'it runs\n' })
  })

  it('errors go to the log as containerd and conmon read them', () => {
    const log = join(own.path, 'log.json')
    expect(oci.run(['--log', log, '--log-format', 'json', 'state', id])).toMatchObject({
      status: 1,
      stderr: `container does not exist: '${id}'\n`,
    })
    expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({
      level: 'error',
      msg: `container does not exist: '${id}'`,
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    })
  })

  it.for([
    [['state'], '"state" requires exactly 1 argument(s)'],
    [['kill', 'a', 'b', 'c'], '"kill" requires a maximum of 2 argument(s)'],
    [['nosuch'], "No help topic for 'nosuch'"],
    [['run', '--moon', 'x'], 'flag provided but not defined: --moon'],
    [['--log-format', 'xml', 'list'], 'invalid log-format: xml'],
    [['exec', 'x'], 'process args cannot be empty'],
  ] as const)('the arguments %o are refused', ([args, text]) => {
    const outcome = oci.run(args)
    expect(outcome.status).not.toBe(0)
    expect(outcome.stderr.replaceAll('\\"', '"')).toContain(text)
  })
})
