import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { image, inspected, kernelLeftovers, openContainerCli } from '../helpers/container-cli.ts'
import { NetworkHost, noNetworks } from '../helpers/network-host.ts'
import { projectHome } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/**
 * Any process of ours is killed at any moment of any command; then the next command sees the truth, and at the end nothing is left.
 * TSBUILD_TEST_KILLS is the number of kills, TSBUILD_TEST_SEED gives another run than the usual one.
 */
const kills = Number(process.env['TSBUILD_TEST_KILLS'] ?? 16)
const seed = Number(process.env['TSBUILD_TEST_SEED'] ?? 11)

/** On a machine of its own, where nobody else has interfaces or rules. */
let cli: Cli
let host: NetworkHost
beforeAll(async () => {
  host = await NetworkHost.create()
  cli = await openContainerCli(host.prefix)
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  host.dispose()
})

/** Numbers of a seed, 0 to 1: mulberry32. */
function numbersOf(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const random = numbersOf(seed)
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T

/** Its own code of the end is 7: any other that is told without a reason would be wrong. */
const program = ['sh', '-c', 'trap "exit 7" TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done']

/** What a command may do; all are about a container `victim`, which may or may not be there. */
const commands: readonly (readonly string[])[] = [
  ['run', '-d', '--name', 'victim', '-p', '80', '--network', 'lab', image, ...program],
  ['run', '--rm', '--name', 'victim', image, ...program],
  ['run', '-d', '--restart', 'always', '--name', 'victim', image, 'sh', '-c', 'sleep 0.2; exit 7'],
  ['exec', 'victim', 'sh', '-c', 'sleep 0.3; echo done'],
  ['cp', 'victim:/usr', 'out'],
  ['cp', 'in', 'victim:/tmp'],
  ['stop', '-t', '5', 'victim'],
  ['rm', '-f', 'victim'],
  ['commit', 'victim', 'made'],
  ['pause', 'victim'],
  ['unpause', 'victim'],
  ['start', 'victim'],
  ['restart', '-t', '5', 'victim'],
  ['kill', 'victim'],
  ['export', '-o', 'exported.tar', 'victim'],
]

/** Processes of the store, by what they are: the command line itself, monitors, and the core that a command has started. */
function ours(): readonly { readonly pid: number; readonly kind: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const [command, comm] = ['cmdline', 'comm'].map((file) => read(`/proc/${name}/${file}`).replaceAll('\0', ' '))
      if (comm === undefined || command === undefined) return []
      const belongs = command.includes(cli.root) || read(`/proc/${name}/environ`).includes(`HOME=${cli.folder}\0`)
      if (!belongs || read(`/proc/${name}/stat`).includes(') Z ')) return []
      const kind = comm.startsWith('tsbuild-monitor')
        ? 'monitor'
        : command.includes('tsbuild-core')
          ? 'core'
          : 'command'
      return [{ pid: Number(name), kind }]
    })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function killed(args: readonly string[]): Promise<string> {
  const child = spawn(
    host.prefix[0]!,
    [...host.prefix.slice(1), join(projectHome, 'bin/tsbuild'), '--root', cli.root, ...args],
    {
      stdio: 'ignore',
      env: cli.environment,
      cwd: cli.folder,
    },
  )
  const ended = once(child, 'exit')
  await Promise.race([sleep(random() * 500), ended])
  const target = pick(['command', 'command', 'monitor', 'core'])
  const victims = ours().filter(({ kind }) => kind === target)
  if (victims.length > 0) {
    try {
      process.kill(pick(victims).pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
  }
  // One that a killed monitor or core leaves alone must end by itself; `run` of what goes on is ended as the user would.
  await Promise.race([ended, sleep(3000)])
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
  await ended
  return `${target} of ${args.slice(0, 2).join(' ')}`
}

interface State {
  readonly Status: string
  readonly ExitCode: number
  readonly Error: string
  readonly Pid: number
}

/** What is said of the container agrees with what runs. */
async function checkTruth(after: string): Promise<void> {
  const names = (await cli.ok('ps', '-a', '--format', '{{.Names}}')).split('\n').filter((name) => name !== '')
  for (const name of names) {
    const state = JSON.parse(await inspected(cli, name, '{{json .State}}')) as State
    const what = `${name} after ${after}: ${JSON.stringify(state)}`
    if (state.Status === 'exited') {
      // By its own hand (7), by SIGKILL of `kill`, `rm -f` or `-t`, never quite begun, or not known.
      expect([0, 7, 128, 137, 143, 255], what).toContain(state.ExitCode)
      if (state.ExitCode === 128) expect(state.Error, what).toContain('interrupted')
      if (state.ExitCode === 255) expect(state.Error, what).toContain('not known')
      expect(state.Pid, what).toBe(0)
    } else if (state.Status === 'running') {
      const { stdout, status, stderr } = await cli.run(['exec', name, 'echo', 'here'])
      // One that restarts all the time may be between two runs.
      if (status === 0) expect(stdout, what).toBe('here\n')
      else expect(stderr, what).toMatch(/not running|restarting|ended|No such/)
    } else if (state.Status === 'paused') await cli.ok('unpause', name)
    else expect(['created', 'restarting'], what).toContain(state.Status)
  }
}

it.skipIf(noNetworks)(`${kills} kills with seed ${seed}`, { timeout: kills * 15_000 + 60_000 }, async () => {
  console.log(`TSBUILD_TEST_SEED=${seed} TSBUILD_TEST_KILLS=${kills}`)
  await cli.ok('network', 'create', 'lab')
  await cli.ok(
    'run',
    '--rm',
    '-v',
    `${cli.folder}:/to`,
    image,
    'sh',
    '-c',
    'mkdir -p /to/in && seq 1 200000 >/to/in/numbers',
  )
  const before = readdirSync(join(cli.root, 'snapshots')).length
  const ids = new Set<string>()
  for (let round = 0; round < kills; round += 1) {
    const after = await killed(random() < 0.35 ? commands[0]! : pick(commands))
    await checkTruth(`${round}: ${after}`)
    for (const id of (await cli.ok('ps', '-aq', '--no-trunc')).split('\n')) if (id !== '') ids.add(id)
  }
  const left = (await cli.ok('ps', '-aq')).split('\n').filter((id) => id !== '')
  if (left.length > 0) await cli.ok('rm', '-f', ...left)
  if ((await cli.ok('images', '-q', 'made')) !== '') await cli.ok('rmi', 'made')
  await cli.ok('image', 'prune', '-f')
  expect(await cli.ok('ps', '-aq')).toBe('')
  expect(readdirSync(join(cli.root, 'containers'))).toEqual([])
  expect(readdirSync(join(cli.root, 'snapshots')).length).toBe(before)
  expect(kernelLeftovers([...ids])).toEqual([])
  await expect.poll(() => ours()).toEqual([])
  const runRoot = cli.environment['TSBUILD_RUN_ROOT'] ?? ''
  expect(existsSync(join(runRoot, 'containers')) ? readdirSync(join(runRoot, 'containers')) : []).toEqual([])
  expect(await cli.ok('network', 'inspect', '-f', '{{len .Containers}}', 'lab', 'bridge')).toBe('0\n0\n')
  await expect.poll(() => host.links()).toEqual(['lo'])
  expect(host.rules()).toBe('')
  await cli.ok('network', 'rm', 'lab')
})
