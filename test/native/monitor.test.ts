import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collector, Monitored } from '../helpers/monitored.ts'
import { coreBinary, runPlan } from '../helpers/native-plan.ts'
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
let box: Monitored
beforeEach(() => {
  own = scratch()
  box = new Monitored(own, `monitor-${own.path.slice(-6)}`)
})
afterEach(async () => {
  await box.dispose()
  await until(() => monitorsOf(own.path).length === 0, 'the end of the monitor')
  expect(cgroupsOf(box.id)).toEqual([])
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(own.path)
  own.dispose()
})

const sh = (script: string): readonly string[] => ['sh', '-c', script]

/** Pids of the monitors whose run directory lies in `path`. */
function monitorsOf(path: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && cwdOf(pid).startsWith(`${path}/`))
}

function cwdOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

/** Ended, and not waited for. */
function isZombie(pid: number): boolean {
  return /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

describe.skipIf(noContainers)('the end of a container', () => {
  it.for([
    { script: 'exit 7', exitCode: 7 },
    { script: 'true', exitCode: 0 },
    { script: 'kill -9 $$', exitCode: 137 },
  ])('"$script" gives $exitCode', async ({ script, exitCode }) => {
    const answer = await box.start(sh(exitCode > 128 ? `sh -c '${script}' & wait $!` : script))
    expect(answer.error).toBeUndefined()
    expect(answer.result).toMatchObject({ startedAt: expect.stringMatching(/^20.*Z$/) })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', pid: 0, exitCode, signal: null, oomKilled: false, error: '' })
    await until(() => readdirSync(box.runDir).length === 0, 'the empty run directory')
  })

  it('an attached client whose connection ended finds nothing of the monitor', async () => {
    await box.start(sh('exit 3'), { plan: { start: false } })
    const exited = Promise.withResolvers<number>()
    using client = await box.connect({ exit: exited.resolve })
    await Promise.all([client.ask({ op: 'attach' }), client.ask({ op: 'start' })])
    expect(await exited.promise).toBe(3)
    await client.closed
    expect(readdirSync(box.runDir)).toEqual([])
  })

  it('a signal from outside is 128 + its number', async () => {
    await box.start(sh('sleep 100'))
    await box.ask({ op: 'kill', signal: 9 })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', exitCode: 137, signal: 9 })
  })

  it('is told to everybody who waits', async () => {
    await box.start(sh('read x; exit 3'), { plan: { stdin: 'once' } })
    const waits = [box.ask({ op: 'wait' }), box.ask({ op: 'wait' })]
    using client = await box.connect()
    await client.ask({ op: 'attach' })
    client.endStdin()
    expect(await Promise.all(waits)).toEqual([
      { exitCode: 3, signal: null, oomKilled: false },
      { exitCode: 3, signal: null, oomKilled: false },
    ])
  })

  it('out of memory is said so', async () => {
    const config = ociConfig(sh("x=$(yes | tr -d '\\n' | head -c 100000000); echo $x | wc -c"))
    config.linux['resources'] = { memory: { limit: 20_000_000, swap: 20_000_000 } }
    await box.start([], { config })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', oomKilled: true })
  })

  it('leaves processes of the container behind nowhere', async () => {
    await box.start(sh('sleep 1000 & sleep 1000 & exit 0'))
    await box.ended()
    expect(cgroupsOf(box.id)).toEqual([])
  })
})

describe.skipIf(noContainers)('the start', () => {
  it.for([
    { what: 'a missing program', args: ['/nonexistent'], code: 'EXEC_NOT_FOUND', exitCode: 127 },
    { what: 'a directory', args: ['/etc'], code: 'EXEC_DENIED', exitCode: 126 },
  ])('of $what fails with a code and leaves nothing', async ({ args, code, exitCode }) => {
    const answer = await box.start(args)
    expect(answer.error).toMatchObject({ code })
    expect(answer.exit).toBe(1)
    expect(box.state()).toMatchObject({ status: 'created', pid: 0, exitCode, error: answer.error?.message })
    await until(() => readdirSync(box.runDir).length === 0, 'the empty run directory')
  })

  it('waits for its client where it is asked to', async () => {
    const answer = await box.start(sh('echo hello; echo bad >&2; exit 4'), { plan: { start: false } })
    expect(answer.result).toMatchObject({ startedAt: null })
    expect(box.state()).toMatchObject({ status: 'created', pid: answer.result?.['pid'] })
    const { seen, handlers } = collector()
    using client = await box.connect(handlers)
    await client.ask({ op: 'attach' })
    expect(await client.ask({ op: 'start' })).toEqual({ pid: answer.result?.['pid'] })
    await client.closed
    expect(seen).toEqual({ stdout: 'hello\n', stderr: 'bad\n', exitCode: 4 })
  })

  it('that fails when a client asks for it tells that client', async () => {
    writeFileSync(join(own.root, 'tmp/program'), '#!/bin/sh\n', { mode: 0o755 })
    const answer = await box.start(['/tmp/program'], { plan: { start: false } })
    rmSync(`/proc/${Number(answer.result?.['pid'])}/root/tmp/program`)
    await expect(box.ask({ op: 'start' })).rejects.toMatchObject({ code: 'EXEC_NOT_FOUND' })
    await until(() => readdirSync(box.runDir).length === 0, 'the empty run directory')
    expect(box.state()).toMatchObject({ status: 'created', pid: 0, exitCode: 127 })
  })

  it('is refused while another monitor serves the container', async () => {
    await box.start(sh('sleep 100'))
    const answer = await box.start(sh('sleep 100'))
    expect(answer.error).toMatchObject({ code: 'CONTAINER_CONFLICT' })
    expect(box.state()).toMatchObject({ status: 'running' })
  })

  it('is taken back when it is cancelled before the container runs', async () => {
    const config = ociConfig(sh('sleep 100'))
    writeFileSync(join(own.path, 'hook'), '#!/bin/sh\nsleep 10\n', { mode: 0o755 })
    config.hooks = { createRuntime: [{ path: join(own.path, 'hook') }] }
    const abort = new AbortController()
    const started = box.start([], { config, options: { signal: abort.signal } })
    await until(() => monitorsOf(own.path).length > 0, 'the monitor')
    abort.abort()
    expect((await started).error).toMatchObject({ code: 'CANCELLED' })
    await until(() => monitorsOf(own.path).length === 0, 'the end of the monitor')
    expect(box.state()).toMatchObject({ pid: 0 })
  })

  it('names what is wrong with a plan', async () => {
    for (const [plan, message] of [
      [{ restart: { policy: 'sometimes' } }, 'policy'],
      [{ log: { driver: 'json-file' } }, 'log'],
      [{ tty: true }, 'tty'],
      [{ stdin: 'maybe' }, 'stdin'],
      [{ health: { args: [] } }, 'health'],
      [{ surprise: 1 }, 'surprise'],
      [{ runDir: 'relative' }, 'absolute'],
    ] as const) {
      const answer = await box.start(sh('true'), { plan })
      expect(answer.error).toMatchObject({ code: 'PLAN_INVALID', message: expect.stringContaining(message) })
      expect(existsSync(join(box.dir, 'state.json'))).toBe(false)
    }
  })
})

describe.skipIf(noContainers)('streams', () => {
  it('stdin reaches the container and ends', async () => {
    await box.start(['cat'], { plan: { stdin: 'once', start: false } })
    const { seen, handlers } = collector()
    using client = await box.connect(handlers)
    await client.ask({ op: 'attach' })
    await client.writeStdin(Buffer.from('before the start\n'))
    await client.ask({ op: 'start' })
    await client.writeStdin(Buffer.from('after'))
    client.endStdin()
    await client.closed
    expect(seen).toEqual({ stdout: 'before the start\nafter', stderr: '', exitCode: 0 })
  })

  it('stdin that stays open outlives its clients', async () => {
    await box.start(sh('while read x; do echo "<$x>"; done'), { plan: { stdin: 'open' } })
    for (const word of ['one', 'two']) {
      const { seen, handlers } = collector()
      using client = await box.connect(handlers)
      await client.ask({ op: 'attach' })
      await client.writeStdin(Buffer.from(`${word}\n`))
      client.endStdin()
      await until(() => seen.stdout === `<${word}>\n`, word)
    }
    expect(box.state().status).toBe('running')
  })

  it('stdin without a reader ends nothing, and a signal passes by it', async () => {
    await box.start(sh('trap "exit 5" TERM; echo ready; sleep 100 & wait'), { plan: { stdin: 'once' } })
    await until(() => box.output() === 'ready\n', 'the trap')
    const { seen, handlers } = collector()
    using client = await box.connect(handlers)
    await client.ask({ op: 'attach' })
    client.writeStdin(Buffer.alloc(300_000, 'x')).catch(() => undefined)
    await client.ask({ op: 'kill', signal: 'SIGTERM' })
    await client.closed
    expect(seen.exitCode).toBe(5)
  })

  it('much data goes both ways unchanged', async () => {
    await box.start(['cat'], { plan: { stdin: 'once', start: false, log: { driver: 'none' } } })
    let received = 0
    let wrong = 0
    using client = await box.connect({
      stdout: (chunk) => {
        for (const byte of chunk) if (byte !== received++ % 251) wrong += 1
      },
    })
    await client.ask({ op: 'attach' })
    await client.ask({ op: 'start' })
    const size = 5_000_000
    const data = Buffer.from(Array.from({ length: size }, (_, index) => index % 251))
    for (let at = 0; at < size; at += 65_536) await client.writeStdin(data.subarray(at, at + 65_536))
    client.endStdin()
    await client.closed
    expect({ received, wrong }).toEqual({ received: size, wrong: 0 })
  })

  it('a client that does not read loses nothing', async () => {
    await box.start(sh('seq 1 300000'), { plan: { start: false, log: { driver: 'none' } } })
    let text = ''
    using client = await box.connect({
      stdout: async (chunk) => {
        if (text === '') await delay(300)
        text += Buffer.from(chunk).toString()
      },
    })
    await client.ask({ op: 'attach' })
    await client.ask({ op: 'start' })
    await client.closed
    expect(text.split('\n').length).toBe(300_001)
    expect(text.endsWith('\n300000\n')).toBe(true)
  })

  it('the end waits for nobody, and a client that reads slowly and goes on writing still gets all', async () => {
    await box.start(sh('seq 1 60000; exit 5'), { plan: { stdin: 'once', start: false, log: { driver: 'none' } } })
    const { seen, handlers } = collector()
    const ended = Promise.withResolvers<void>()
    using client = await box.connect({
      ...handlers,
      stdout: async (chunk) => {
        await handlers.stdout?.(chunk)
        if (seen.stdout.includes('\n30000\n')) await ended.promise
      },
    })
    await client.ask({ op: 'attach' })
    await client.ask({ op: 'start' })
    const writing = (async () => {
      while (seen.exitCode === undefined) {
        await client.writeStdin(Buffer.alloc(65_536))
        await delay(1)
      }
    })()
    await box.ended()
    await until(() => monitorsOf(own.path).length === 0, 'the end of the monitor')
    ended.resolve()
    await until(() => seen.exitCode !== undefined, 'the exit code')
    await writing
    expect(seen.exitCode).toBe(5)
    expect(seen.stdout.endsWith('\n60000\n')).toBe(true)
  })

  it('several clients see the same', async () => {
    await box.start(sh('read x; echo "got $x"'), { plan: { stdin: 'open', start: false } })
    const all = [collector(), collector(), collector()]
    const clients = await Promise.all(all.map(({ handlers }) => box.connect(handlers)))
    for (const client of clients) await client.ask({ op: 'attach' })
    await clients[0]?.ask({ op: 'start' })
    await clients[1]?.writeStdin(Buffer.from('it\n'))
    await Promise.all(clients.map((client) => client.closed))
    for (const { seen } of all) expect(seen).toEqual({ stdout: 'got it\n', stderr: '', exitCode: 0 })
  })

  it('a terminal has a size, echoes, and is one stream', async () => {
    const config = ociConfig(sh('stty size; read x; echo "out $x"; echo err >&2; stty size'))
    config.process['terminal'] = true
    await box.start([], { config, plan: { tty: true, stdin: 'open', start: false } })
    const { seen, handlers } = collector()
    using client = await box.connect(handlers)
    await client.ask({ op: 'attach' })
    client.resize({ rows: 33, cols: 99 })
    await client.ask({ op: 'start' })
    await until(() => seen.stdout.includes('33 99\r\n'), 'the first size')
    client.resize({ rows: 44, cols: 120 })
    await client.writeStdin(Buffer.from('typed\n'))
    await client.closed
    expect(seen.stdout).toBe('33 99\r\ntyped\r\nout typed\r\nerr\r\n44 120\r\n')
    expect(box.output('stdout')).toBe(seen.stdout)
  })

  it('a terminal that nobody has open is not hung up', async () => {
    const config = ociConfig(sh('exec </dev/null >/dev/null 2>&1; sleep 0.3; echo back >/dev/tty; exit 6'))
    config.process['terminal'] = true
    await box.start([], { config, plan: { tty: true } })
    await box.ended()
    expect(box.state()).toMatchObject({ exitCode: 6 })
    expect(box.output()).toBe('back\r\n')
  })
})

describe.skipIf(noContainers)('a terminal of exec', () => {
  it('prints on while nobody reads what is typed, and all of that arrives', async () => {
    await box.start(['sleep', '1000'])
    // A terminal that is not raw would throw away what is too long for a line.
    const raw = `/proc/${box.state().pid}/root/tmp/raw`
    const typed = until(() => existsSync(raw), 'the raw terminal').then(() => 'x'.repeat(200_000))
    const print = 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done'
    const { process: program } = ociConfig(sh(`stty raw -echo; : > /tmp/raw; ${print}; head -c 200000 | wc -c`))
    const answer = await runPlan(
      { verb: 'exec', runDir: box.runDir, process: { ...program, terminal: true }, tty: true },
      { stdin: typed },
    )
    expect(answer.error).toBeUndefined()
    expect(answer.stdout.toString().trimEnd().split('\n').slice(-2)).toEqual(['line 19999', '200000'])
  })
})

describe.skipIf(noContainers)('stop, pause and restart', () => {
  it('stops by the signal of the container', async () => {
    await box.start(sh('trap "exit 9" USR1; echo ready; sleep 100 & wait'), {
      plan: { stop: { signal: 10, timeoutMs: 60_000 } },
    })
    await until(() => box.output() === 'ready\n', 'the trap')
    expect(await box.ask({ op: 'stop' })).toMatchObject({ exitCode: 9 })
  })

  it('kills what does not want to stop', async () => {
    await box.start(sh('trap "" TERM; echo ready; while :; do sleep 1; done'))
    await until(() => box.output() === 'ready\n', 'the trap')
    expect(await box.ask({ op: 'stop', timeoutMs: 200 })).toMatchObject({ exitCode: 137, signal: 9 })
  })

  it('SIGTERM to the monitor stops the container in good order', async () => {
    await box.start(sh('trap "exit 12" TERM; echo ready; sleep 100 & wait'))
    await until(() => box.output() === 'ready\n', 'the trap')
    process.kill(Number(monitorsOf(own.path)[0]), 'SIGTERM')
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', exitCode: 12 })
  })

  it('a stop that comes together with the end is told of the end', async () => {
    await box.start(sh('sleep 100'))
    const monitor = Number(monitorsOf(own.path)[0])
    const { seen, handlers } = collector()
    using client = await box.connect(handlers)
    await client.ask({ op: 'attach' })
    process.kill(monitor, 'SIGSTOP')
    try {
      process.kill(box.state().pid, 'SIGKILL')
      await until(() => isZombie(box.state().pid), 'the end of the process')
      const stopped = client.ask({ op: 'stop' })
      process.kill(monitor, 'SIGCONT')
      await expect(stopped).resolves.toMatchObject({ exitCode: 137 })
    } finally {
      process.kill(monitor, 'SIGCONT')
    }
    await client.closed
    expect(seen.exitCode).toBe(137)
    await until(() => readdirSync(box.runDir).length === 0, 'the empty run directory')
  })

  it('pauses, resumes, and stops while it is paused', async () => {
    await box.start(sh('while :; do echo x; sleep 0.01; done'))
    await until(() => box.output() !== '', 'output')
    await box.ask({ op: 'pause' })
    expect(box.state().status).toBe('paused')
    await expect(box.ask({ op: 'pause' })).rejects.toMatchObject({ code: 'CONTAINER_CONFLICT' })
    // What was in the pipe is still read.
    let before = ''
    await until(() => before === (before = box.output()), 'the last of the output')
    await delay(100)
    expect(box.output()).toBe(before)
    await box.ask({ op: 'resume' })
    await until(() => box.output() !== before, 'more output')
    await box.ask({ op: 'pause' })
    expect(await box.ask({ op: 'stop', timeoutMs: 100 })).toMatchObject({ exitCode: 137 })
  })

  it('on-failure restarts as often as it may', async () => {
    await box.start(sh('echo run; exit 1'), { plan: { restart: { policy: 'on-failure', maxRetries: 2 } } })
    await box.ended().then(() => until(() => box.state().status === 'exited', 'the last end'))
    expect(box.state()).toMatchObject({ status: 'exited', exitCode: 1, restartCount: 2 })
    expect(box.output()).toBe('run\nrun\nrun\n')
  })

  it('on-failure leaves success alone', async () => {
    await box.start(sh('exit 0'), { plan: { restart: { policy: 'on-failure', maxRetries: 0 } } })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', restartCount: 0 })
  })

  it('always restarts until it is stopped', async () => {
    await box.start(sh('echo run; exit 0'), { plan: { restart: { policy: 'always', maxRetries: 0 } } })
    await until(() => box.state().restartCount >= 2, 'two restarts')
    await box.ask({ op: 'stop' })
    await until(() => monitorsOf(own.path).length === 0, 'the end of the monitor')
    expect(box.state().status).toBe('exited')
  })

  it('does not restart what was killed, nor after the policy was taken back', async () => {
    await box.start(sh('sleep 100'), { plan: { restart: { policy: 'always', maxRetries: 0 } } })
    await box.ask({ op: 'kill', signal: 'KILL' })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', restartCount: 0 })
    await box.start(sh('trap "exit 1" USR1; echo ready; sleep 100 & wait'), {
      plan: { restart: { policy: 'always', maxRetries: 0 } },
    })
    await until(() => box.output().endsWith('ready\n'), 'the trap')
    await box.ask({ op: 'update', resources: {}, restart: { policy: 'no', maxRetries: 0 } })
    await box.ask({ op: 'kill', signal: 10 })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', exitCode: 1 })
  })

  it('a request that is wrong is refused and the container goes on', async () => {
    await box.start(sh('sleep 100'))
    for (const request of [
      { op: 'dance' },
      { op: 'kill' },
      { op: 'kill', signal: 'SIGNOTHING' },
      { op: 'stop', timeoutMs: 'x' },
      { op: 'wait', more: 1 },
      { op: 'update', restart: {} },
    ]) {
      await expect(box.ask(request)).rejects.toMatchObject({ code: 'PLAN_INVALID' })
    }
    await expect(box.ask({ op: 'start' })).rejects.toMatchObject({ code: 'CONTAINER_CONFLICT' })
    await expect(box.ask({ op: 'resume' })).rejects.toMatchObject({ code: 'CONTAINER_CONFLICT' })
    expect(box.state().status).toBe('running')
  })
})

describe.skipIf(noContainers)('the monitor as a process', () => {
  it('survives whoever started it, and dies with nothing left when it is killed', async () => {
    const answer = await box.start(sh('sleep 1000'))
    const pid = Number(answer.result?.['pid'])
    const [monitor] = monitorsOf(own.path)
    const status = readFileSync(`/proc/${monitor}/status`, 'utf8')
    expect(/^Name:\s(.*)$/m.exec(status)?.[1]).toBe('tsbuild-monitor')
    expect(readFileSync(`/proc/${monitor}/stat`, 'utf8').split(' ')[5]).not.toBe(
      readFileSync('/proc/self/stat', 'utf8').split(' ')[5],
    )
    process.kill(Number(monitor), 'SIGKILL')
    await until(() => !existsSync(`/proc/${pid}/exe`) || cwdOf(String(pid)) === '', 'the end of the container')
    expect(box.state().status).toBe('running')
    expect(spawnSync('flock', ['-n', join(box.runDir, 'monitor.lock'), 'true']).status).toBe(0)
    execFileSync(coreBinary, ['--root', box.runDir, 'delete', '--force', 'oci'])
    expect(cgroupsOf(box.id)).toEqual([])
  })

  it('holds less than 2 MiB', async (context) => {
    if (process.env['TSBUILD_CORE']?.includes('-san') === true)
      return context.skip('the sanitizers have a memory of their own')
    await box.start(sh('sleep 1000'))
    const [monitor] = monitorsOf(own.path)
    const resident = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${monitor}/status`, 'utf8'))?.[1])
    expect(resident).toBeLessThan(2048)
  })

  it('reaps what becomes an orphan', async () => {
    const config: Config = ociConfig(sh('sleep 1000'))
    config.linux['namespaces'] = (config.linux['namespaces'] as { type: string }[]).filter(({ type }) => type !== 'pid')
    config.process['args'] = sh('(sh -c "echo orphan; exec sleep 0.3" &) ; exec sleep 1000')
    await box.start([], { config })
    await until(() => box.output() === 'orphan\n', 'the orphan')
    const [monitor] = monitorsOf(own.path)
    const children = (): string => readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'utf8').trim()
    await until(() => children() === String(box.state().pid), 'the end of the orphan')
  })
})
