import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, inspected, openContainerCli, until } from '../helpers/container-cli.ts'
import { projectHome } from '../helpers/tsbuild.ts'
import type { Cli, CliResult } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

const status = (name: string): Promise<string> => inspected(cli, name, '{{.State.Status}} {{.State.ExitCode}}')
const loop = ['sh', '-c', 'trap "exit 3" TERM; trap "echo hup" HUP; echo set; while :; do sleep 0.1; done']
/** A signal that comes before the first process of a container has said what it does with it is lost. */
const trapped = (name: string, times = 1): Promise<unknown> =>
  until('the trap is set', async () => (await cli.ok('logs', name)) === 'set\n'.repeat(times))

describe('a container goes through its states', () => {
  it('created, running, paused, running, exited, running, gone', async () => {
    const id = (await cli.ok('create', '--name', 'life', image, ...loop)).trim()
    expect(await status('life')).toBe('created 0')
    expect(await cli.ok('start', id.slice(0, 12))).toBe(`${id.slice(0, 12)}\n`)
    expect(await status('life')).toBe('running 0')
    expect(await cli.ok('start', 'life')).toBe('life\n')
    await trapped('life')
    await cli.ok('pause', 'life')
    expect(await status('life')).toBe('paused 0')
    expect(await cli.ok('ps', '--format', '{{.Status}}')).toMatch(/^Up .* \(Paused\)\n$/)
    expect(await cli.fails(['pause', 'life'])).toMatchObject({ code: 'CONTAINER_CONFLICT' })
    expect(await cli.fails(['exec', 'life', 'true'])).toMatchObject({ code: 'CONTAINER_CONFLICT' })
    await cli.ok('unpause', 'life')
    expect(await cli.fails(['unpause', 'life'])).toMatchObject({ code: 'CONTAINER_CONFLICT' })
    await cli.ok('stop', 'life')
    expect(await status('life')).toBe('exited 3')
    expect(await cli.ok('stop', 'life')).toBe('life\n')
    expect(await cli.fails(['kill', 'life'])).toMatchObject({ code: 'CONTAINER_STOPPED' })
    await cli.ok('restart', '-t', '1', 'life')
    expect(await status('life')).toBe('running 0')
    expect(await cli.fails(['rm', 'life'])).toMatchObject({ code: 'CONTAINER_RUNNING', status: 1 })
    expect(await cli.ok('rm', '-f', 'life')).toBe('life\n')
    expect(await cli.fails(['inspect', 'life'])).toMatchObject({ code: 'OBJECT_NOT_FOUND' })
  })

  it('stop kills what does not listen, kill does it at once', async () => {
    await cli.ok('run', '-d', '--name', 'deaf', image, 'sleep', '1000')
    await cli.ok('stop', '-t', '0', 'deaf')
    expect(await status('deaf')).toBe('exited 137')
    await cli.ok('start', 'deaf')
    await cli.ok('kill', 'deaf')
    expect(await status('deaf')).toBe('exited 137')
    await cli.ok('rm', 'deaf')
  })

  it('a signal that is no end only arrives', async () => {
    await cli.ok('run', '-d', '--name', 'hears', image, ...loop)
    await trapped('hears')
    await cli.ok('kill', '-s', 'HUP', 'hears')
    await until('the trap ran', async () => (await cli.ok('logs', 'hears')) === 'set\nhup\n')
    expect(await status('hears')).toBe('running 0')
    await cli.ok('rm', '-f', 'hears')
  })

  it('wait tells the exit code, while it runs and after', async () => {
    await cli.ok('run', '-d', '--name', 'ends', image, 'sh', '-c', 'sleep 0.5; exit 9')
    expect(await cli.ok('wait', 'ends')).toBe('9\n')
    expect(await cli.ok('wait', 'ends')).toBe('9\n')
    await cli.ok('rm', 'ends')
  })
})

/** A line of shell in which "$@" is the command line. */
async function shell(line: string): Promise<CliResult> {
  const child = spawn('sh', ['-c', line, 'sh', join(projectHome, 'bin/tsbuild'), '--root', cli.root], {
    env: cli.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const [status] = (await once(child, 'close')) as [number]
  return { status, ...output }
}

describe('attach', () => {
  it('gives stdin, gets every byte of the output, and the exit code', async () => {
    await cli.ok(
      'run',
      '-d',
      '-i',
      '--name',
      'talk',
      image,
      'sh',
      '-c',
      'while read line; do echo got $line; done; echo bye >&2; exit 5',
    )
    expect(await cli.run(['attach', 'talk'], { stdin: 'a\nb\n' })).toEqual({
      status: 5,
      stdout: 'got a\ngot b\n',
      stderr: 'bye\n',
    })
    expect(await cli.fails(['attach', 'talk'])).toMatchObject({ code: 'CONTAINER_STOPPED' })
    expect(await cli.run(['start', '-ai', 'talk'], { stdin: 'c\n' })).toEqual({
      status: 5,
      stdout: 'got c\n',
      stderr: 'bye\n',
    })
    await cli.ok('rm', 'talk')
  })

  it('a megabyte of output arrives whole', async () => {
    const { stdout } = await cli.run(['run', '--rm', image, 'sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x'])
    expect(stdout).toBe('x'.repeat(1_000_000))
  })

  it('arrives whole where it is read slowly, and so does the exit code where more is written than read', async () => {
    const line = `yes | "$@" run --rm -i ${image} sh -c 'seq 1 30000; exit 3' | { sleep 3; tail -n 1; }`
    const { stdout } = await shell(`( ${line} ) 2>&1`)
    expect(stdout).toBe('30000\n')
    const codes = await shell(`for i in 1 2 3 4; do yes | "$@" run --rm -i ${image} sh -c 'exit 3'; echo $?; done`)
    expect(codes).toEqual({ status: 0, stdout: '3\n3\n3\n3\n', stderr: '' })
  })
})

describe('restart policies', () => {
  it('on-failure gives up after its retries, and counts them', async () => {
    await cli.ok('run', '-d', '--name', 'fails', '--restart', 'on-failure:2', image, 'sh', '-c', 'echo run; exit 4')
    await until('it gave up', async () => (await status('fails')) === 'exited 4')
    expect(await cli.ok('logs', 'fails')).toBe('run\nrun\nrun\n')
    expect(await inspected(cli, 'fails', '{{.RestartCount}}')).toBe('2')
    await cli.ok('rm', 'fails')
  })

  it('always starts again, until it is stopped', async () => {
    await cli.ok('run', '-d', '--name', 'again', '--restart', 'always', image, 'sh', '-c', 'echo run; sleep 0.1')
    await until('it ran twice', async () => (await cli.ok('logs', 'again')).startsWith('run\nrun\n'))
    await cli.ok('stop', 'again')
    const before = await cli.ok('logs', 'again')
    expect(await inspected(cli, 'again', '{{.State.Running}}')).toBe('false')
    expect(await cli.ok('logs', 'again')).toBe(before)
    await cli.ok('rm', 'again')
  })

  it('--rm and --restart exclude each other', async () => {
    expect(await cli.fails(['run', '--rm', '--restart', 'always', image])).toMatchObject({ code: 'USAGE', status: 125 })
  })
})

describe('health', () => {
  it('goes from starting over unhealthy to healthy', async () => {
    const flags = ['--health-cmd', 'test -f /ok', '--health-interval', '200ms', '--health-retries', '2']
    await cli.ok('run', '-d', '--name', 'sick', ...flags, image, 'sleep', '1000')
    const health = (): Promise<string> => inspected(cli, 'sick', '{{.State.Health.Status}}')
    await until('unhealthy', async () => (await health()) === 'unhealthy')
    expect(await cli.ok('ps', '--filter', 'health=unhealthy', '--format', '{{.Names}} {{.Status}}')).toMatch(
      /^sick Up .* \(unhealthy\)\n$/,
    )
    await cli.ok('exec', 'sick', 'touch', '/ok')
    await until('healthy', async () => (await health()) === 'healthy')
    await cli.ok('rm', '-f', 'sick')
  })

  it('--health-on-failure=kill ends it', async () => {
    const flags = [
      '--health-cmd',
      'false',
      '--health-interval',
      '200ms',
      '--health-retries',
      '1',
      '--health-on-failure',
      'kill',
    ]
    await cli.ok('run', '-d', '--name', 'doomed', ...flags, image, 'sleep', '1000')
    await until('it was killed', async () => (await status('doomed')).startsWith('exited'))
    await cli.ok('rm', 'doomed')
  })
})

describe('names and ids', () => {
  it('an id prefix works where it is not ambiguous; vague words never hit a stranger', async () => {
    const id = (await cli.ok('run', '-d', '--name', '12345', image, 'sleep', '1000')).trim()
    for (const word of [id.slice(0, 1), id.slice(0, 2)]) {
      expect(await cli.fails(['stop', word])).toMatchObject({ code: 'ID_TOO_SHORT' })
      expect(await cli.fails(['rm', '-f', word])).toMatchObject({ code: 'ID_TOO_SHORT' })
    }
    expect(await cli.fails(['kill', 'CONTAINER'])).toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
    expect(await status('12345')).toBe('running 0')
    await cli.ok('rename', id.slice(0, 3), 'renamed')
    expect(await cli.fails(['rename', 'renamed', 'renamed'])).toMatchObject({ code: 'USAGE' })
    await cli.ok('create', '--name', 'other', image)
    expect(await cli.fails(['rename', 'renamed', 'other'])).toMatchObject({ code: 'CONTAINER_EXISTS' })
    await cli.ok('rm', '-f', 'renamed', 'other')
  })

  it('a name that is free again after --rm can be used at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      await cli.ok('run', '-d', '--rm', '--name', 'short', image, 'true')
      await until('it is gone', async () => (await cli.ok('ps', '-aq')) === '')
    }
    await cli.ok('run', '--rm', '--name', 'short', image, 'true')
  })
})

describe('what is shown', () => {
  it('ps quotes the command as docker does', async () => {
    await cli.ok('create', '--name', 'quoted', image, 'sh', '-c', 'trap "exit 5" TERM')
    const command = (...flags: string[]): Promise<string> =>
      cli.ok('ps', '-a', '--filter', 'name=quoted', '--format', '{{.Command}}', ...flags)
    expect(await command()).toBe('"sh -c \'trap \\"exit 5…"\n')
    expect(await command('--no-trunc')).toBe('"sh -c \'trap \\"exit 5\\" TERM\'"\n')
    await cli.ok('rm', 'quoted')
  })

  it('rm -f of what is not there prints no name, and fails nothing', async () => {
    const { status: code, stdout, stderr } = await cli.run(['rm', '-f', 'nosuch'])
    expect([code, stdout]).toEqual([0, ''])
    expect(stderr).toContain('No such container: nosuch')
  })

  it('a filter with a value that cannot be is refused', async () => {
    for (const filter of ['health=foo', 'status=foo', 'exited=x', 'foo=bar'])
      expect(await cli.fails(['ps', '-f', filter])).toMatchObject({ code: 'USAGE' })
  })
})

describe('exec', () => {
  beforeAll(() => cli.ok('run', '-d', '--name', 'host', '-e', 'A=1', '-w', '/tmp', image, 'sleep', '1000'))
  afterAll(() => cli.ok('rm', '-f', 'host'))

  it.for([
    [['host', 'sh', '-c', 'echo $A $PWD $HOME'], '1 /tmp /root\n'],
    [['-e', 'A=2', '-w', '/', '-u', '65534', 'host', 'sh', '-c', 'echo $A $PWD $(id -u)'], '2 / 65534\n'],
  ] as const)('%j', async ([args, want]) => {
    expect(await cli.ok('exec', ...args)).toBe(want)
  })

  it('passes stdin on with -i only', async () => {
    expect((await cli.run(['exec', '-i', 'host', 'cat'], { stdin: 'in' })).stdout).toBe('in')
    expect((await cli.run(['exec', 'host', 'cat'], { stdin: 'in' })).stdout).toBe('')
  })

  it.for([
    [['sh', '-c', 'exit 6'], 6],
    [['no-such-command'], 127],
    [['/etc/passwd'], 126],
  ] as const)('%j ends with %i', async ([args, want]) => {
    expect((await cli.run(['exec', 'host', ...args])).status).toBe(want)
  })

  it('has the rights of the container, or all with --privileged', async () => {
    const bounding = async (...flags: readonly string[]): Promise<string> =>
      cli.ok('exec', ...flags, 'host', 'sed', '-n', 's/CapBnd:\\s*//p', '/proc/self/status')
    expect(await bounding()).toBe('00000000a80425fb\n')
    const own = /^CapBnd:\s+(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    expect(await bounding('--privileged')).toBe(`${own}\n`)
  })

  it('-d goes on alone', async () => {
    await cli.ok('exec', '-d', 'host', 'sh', '-c', 'echo done > /tmp/mark')
    await until('it ran', async () => (await cli.run(['exec', 'host', 'cat', '/tmp/mark'])).stdout === 'done\n')
  })

  it('a container that does not run is an error', async () => {
    await cli.ok('create', '--name', 'still', image)
    expect(await cli.fails(['exec', 'still', 'true'])).toMatchObject({ code: 'CONTAINER_STOPPED', status: 1 })
    await cli.ok('rm', 'still')
  })
})

describe('logs', () => {
  it('keeps the streams apart, follows to the end, with time stamps and a tail', async () => {
    await cli.ok(
      'run',
      '-d',
      '--name',
      'talks',
      image,
      'sh',
      '-c',
      'for i in 1 2 3; do echo out$i; echo err$i >&2; sleep 0.2; done',
    )
    expect(await cli.run(['logs', '-f', 'talks'])).toEqual({
      status: 0,
      stdout: 'out1\nout2\nout3\n',
      stderr: 'err1\nerr2\nerr3\n',
    })
    expect((await cli.run(['logs', '--until', '1h', 'talks'])).stdout).toBe('')
    await cli.ok('rm', 'talks')
    // Of one stream: two have no order between them.
    await cli.ok('run', '--name', 'counts', image, 'seq', '1', '5')
    expect((await cli.run(['logs', '-n', '2', 'counts'])).stdout).toBe('4\n5\n')
    expect((await cli.run(['logs', '-t', '-n', '1', 'counts'])).stdout).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 5\n$/,
    )
    await cli.ok('rm', 'counts')
  })

  it('bounded logs keep the newest lines', async () => {
    const flags = ['--log-opt', 'max-size=1k', '--log-opt', 'max-file=2']
    await cli.ok(
      'run',
      '--name',
      'much',
      ...flags,
      image,
      'sh',
      '-c',
      'i=0; while [ $i -lt 500 ]; do echo line$i; i=$((i+1)); done',
    )
    const lines = (await cli.ok('logs', 'much')).trimEnd().split('\n')
    expect(lines.at(-1)).toBe('line499')
    expect(lines.length).toBeLessThan(60)
    expect(lines).toEqual(lines.map((_, index) => `line${500 - lines.length + index}`))
    await cli.ok('rm', 'much')
  })

  it('--log-driver none keeps nothing, and says so', async () => {
    await cli.ok('run', '--name', 'mute', '--log-driver', 'none', image, 'echo', 'x')
    expect(await cli.fails(['logs', 'mute'])).toMatchObject({ code: 'CONTAINER_CONFLICT' })
    await cli.ok('rm', 'mute')
  })
})

describe('files', () => {
  it('diff, commit and export tell of the same change', async () => {
    await cli.ok(
      'run',
      '--name',
      'writer',
      image,
      'sh',
      '-c',
      'echo new > /new; rm /etc/hostname 2>/dev/null; rm /etc/group',
    )
    expect((await cli.ok('diff', 'writer')).split('\n')).toEqual(
      expect.arrayContaining(['A /new', 'C /etc', 'D /etc/group']),
    )
    const id = (await cli.ok('commit', '-m', 'why', '-c', 'CMD cat /new', 'writer', 'made:1')).trim()
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(await cli.ok('run', '--rm', 'made:1')).toBe('new\n')
    expect((await cli.run(['run', '--rm', 'made:1', 'ls', '/etc/group'])).status).toBe(1)
    expect(await cli.ok('history', '--format', '{{.Comment}}', 'made:1')).toMatch(/^why\n/)
    await cli.ok('rm', 'writer')
  })

  it('a read-only root refuses, but for tmpfs', async () => {
    const script = 'echo x > /tmp/x && echo y > /y'
    const result = await cli.run(['run', '--rm', '--read-only', '--tmpfs', '/tmp', image, 'sh', '-c', script])
    expect(result.status).not.toBe(0)
    expect(result.stderr).toContain('Read-only file system')
  })
})

describe('a terminal', () => {
  /**
   * script(1) gives the command a terminal of its own and prints what comes out of it. Its input stays open: the end
   * of it would be typed as a key.
   */
  const typed = async (words: string): Promise<string> => {
    const child = spawn(
      'script',
      ['-qec', `'${join(projectHome, 'bin/tsbuild')}' --root '${cli.root}' ${words}`, '/dev/null'],
      { env: { ...cli.environment, SHELL: '/bin/sh', TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const closed = once(child, 'close')
    let output = ''
    for await (const text of child.stdout.setEncoding('utf8')) output += String(text)
    await closed
    child.stdin.destroy()
    return output
  }

  it('hands on what the container writes as it is: newlines are translated once, or not at all', async () => {
    const output = await typed(`run --rm -it ${image} sh -c 'echo once; stty -opost; echo plain'`)
    expect(output).toBe('once\r\nplain\n')
  })

  it('is as it was, whether the container ran or could not', async () => {
    const modes = `stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(opost|icanon|echo|isig)' | sort`
    for (const command of ['true', '/nothing']) {
      const output = await typed(`run --rm -it ${image} ${command} >/dev/null 2>&1; ${modes}`)
      expect(output.split(/\s+/).filter((word) => word !== '')).toEqual(['echo', 'icanon', 'isig', 'opost'])
    }
  })
})

describe('limits and rights', () => {
  it.for([
    [['--cap-drop', 'ALL'], 'sed -n "s/CapEff:\\s*//p" /proc/self/status', '0000000000000000\n'],
    [['--security-opt', 'no-new-privileges'], 'sed -n "s/NoNewPrivs:\\s*//p" /proc/self/status', '1\n'],
    [['--security-opt', 'seccomp=unconfined'], 'sed -n "s/^Seccomp:\\s*//p" /proc/self/status', '0\n'],
    [['--ulimit', 'nofile=123:456'], 'ulimit -n; ulimit -Hn', '123\n456\n'],
    [['-u', '1000:1001', '--group-add', '44'], 'id -u; id -g; id -G', '1000\n1001\n1001 44\n'],
    [
      ['--hostname', 'box', '--domainname', 'example'],
      'hostname; sed -n "\\$p" /etc/hosts | cut -f2',
      'box\nbox.example box\n',
    ],
    [['--add-host', 'db:10.9.8.7'], 'grep -w db /etc/hosts', '10.9.8.7\tdb\n'],
    [['--sysctl', 'net.core.somaxconn=99'], 'cat /proc/sys/net/core/somaxconn', '99\n'],
    [['--shm-size', '1m'], 'df /dev/shm | awk "NR==2{print \\$2}"', '1024\n'],
    [['--init'], 'test $$ -ne 1 && echo reaped', 'reaped\n'],
    [['--oom-score-adj', '500'], 'cat /proc/self/oom_score_adj', '500\n'],
    [['-e', 'A=b', '-w', '/tmp'], 'echo $A $PWD $HOME', 'b /tmp /root\n'],
    [['--entrypoint', 'echo'], 'x', '-c x\n'],
  ] as const)('%j', async ([flags, script, want]) => {
    const command = flags[0] === '--entrypoint' ? ['-c', script] : ['sh', '-c', script]
    expect(await cli.run(['run', '--rm', ...flags, image, ...command])).toEqual({ status: 0, stdout: want, stderr: '' })
  })

  it('memory that is too little kills, and it is known why', async () => {
    const hog = 'a=x; while :; do a=$a$a; done'
    const { status: code } = await cli.run([
      'run',
      '--name',
      'hog',
      '-m',
      '16m',
      '--memory-swap',
      '16m',
      image,
      'sh',
      '-c',
      hog,
    ])
    expect(code).toBe(137)
    expect(await inspected(cli, 'hog', '{{.State.OOMKilled}}')).toBe('true')
    await cli.ok('rm', 'hog')
  })

  it('update changes a running container', async () => {
    await cli.ok('run', '-d', '--name', 'grows', '--pids-limit', '50', image, 'sleep', '1000')
    await cli.ok('update', '--pids-limit', '5', '--restart', 'always', 'grows')
    expect(await inspected(cli, 'grows', '{{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}')).toBe(
      '5 always',
    )
    const forks = await cli.run(['exec', 'grows', 'sh', '-c', 'for i in 1 2 3 4 5 6 7; do sleep 1 & done; wait'])
    expect(forks.status).not.toBe(0)
    await cli.ok('rm', '-f', 'grows')
  })

  it('--cidfile, and only when there is none', async () => {
    const file = `${cli.folder}/cid`
    const id = (await cli.ok('create', '--cidfile', file, image)).trim()
    expect(await cli.ok('inspect', '-f', '{{.Id}}', id)).toBe(`${id}\n`)
    expect(await cli.fails(['create', '--cidfile', file, image])).toMatchObject({ code: 'USAGE' })
    await cli.ok('rm', id.slice(0, 12))
  })
})
