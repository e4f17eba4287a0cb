import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { bridgeName } from '../../src/network/bridge-name.ts'
import { cgroups } from '../helpers/cgroups.ts'
import { noNetworks } from '../helpers/network-host.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'
import { baseFolder, cannotBuild } from './builder.ts'

const dockerfile = `FROM base AS one
COPY src /src
RUN --mount=type=cache,target=/c,sharing=locked cp -r /src /copy && touch /c/x && sleep 0.1
FROM base
COPY --from=one /copy /copy
RUN --mount=type=cache,target=/c,sharing=locked find /copy -type f | sort > /list; sleep 0.1
`

/** Where steps of these tests are, apart from those that other tests run meanwhile. */
const parent = `/tsbuild-test-${process.pid}`
const stepCgroups = (): readonly string[] => cgroups(3).filter((path) => path.includes(`${parent}/`))
afterAll(() => {
  for (const path of cgroups(2)) if (path.endsWith(parent)) rmdirSync(path)
})

/** Everything below the store and in the kernel that a finished build leaves: what a killed one adds to it must be gone after the next. */
function remains(cli: Cli): Readonly<Record<string, readonly string[]>> {
  const names = (path: string): string[] =>
    existsSync(join(cli.root, path)) ? readdirSync(join(cli.root, path)).toSorted() : []
  const run = join(cli.folder, 'run', 'build')
  return {
    scratch: [...names('tmp'), ...(existsSync(run) ? readdirSync(run) : [])],
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(cli.folder)),
    cgroups: stepCgroups(),
    leases: names('leases'),
  }
}

type Victim = 'the command' | 'all its processes'

/** Starts a build and kills it when `moment` has come; says whether it was still running. */
async function killedBuild(
  cli: Cli,
  args: readonly string[],
  victim: Victim,
  moment: Promise<unknown>,
): Promise<boolean> {
  const child = spawn(join(import.meta.dirname, '../../bin/tsbuild'), ['--root', cli.root, ...args], {
    cwd: cli.folder,
    env: cli.environment,
    stdio: 'ignore',
    detached: true,
  })
  const ended = once(child, 'exit')
  const running = await Promise.race([moment.then(() => true), ended.then(() => false)])
  if (running) process.kill(victim === 'the command' ? child.pid! : -child.pid!, 'SIGKILL')
  const [, signal] = await ended
  return signal === 'SIGKILL'
}

const rounds = Number(process.env['KILL_ROUNDS'] ?? 10)

describe.skipIf(cannotBuild !== false)('a build that is killed', () => {
  it(`at ${rounds} random moments hinders no later build`, { timeout: 60_000 + rounds * 60_000 }, async () => {
    await using cli = openCli()
    const base = baseFolder()
    const context = join(cli.folder, 'context')
    mkdirSync(join(context, 'src'), { recursive: true })
    writeFileSync(join(context, 'Dockerfile'), dockerfile)
    const args = [
      'build',
      '-q',
      '--network',
      'none',
      '--build-context',
      `base=${base}`,
      '--build-arg',
      'SOURCE_DATE_EPOCH=0',
      '--cgroup-parent',
      parent,
      context,
    ]
    const write = (round: number): void => {
      for (let file = 0; file < 200; file++) writeFileSync(join(context, 'src', `f${file}`), `${round} ${file}\n`)
    }
    write(0)
    /** Milliseconds of a build, of the quickest so far: a machine may be busy for a while. */
    let whole = Infinity
    const build = async (at: Cli): Promise<string> => {
      const started = Date.now()
      const id = (await at.ok(...args)).trim()
      whole = Math.min(whole, Date.now() - started)
      return id
    }
    await build(cli)
    const clean = remains(cli)
    let killed = 0
    for (let round = 1; round <= rounds; round++) {
      write(round)
      const victim = round % 2 === 0 ? 'the command' : 'all its processes'
      // The first is killed while it starts, whatever the machine's speed.
      const moment = round === 1 ? 0 : Math.random() * whole
      const place = `round ${round}: ${victim} after ${moment} ms`
      if (await killedBuild(cli, args, victim, sleep(moment))) killed += 1
      const id = (await cli.ok(...args)).trim()
      expect(await cli.ok('builds', 'ls', '-q')).toContain('\n')
      // A core whose parent was killed cleans up by itself, for a moment longer than the next build may take.
      await vi.waitFor(() => expect(remains(cli), place).toEqual(clean), 30_000)
      await using other = openCli()
      expect(id, place).toBe(await build(other))
    }
    expect(killed).toBeGreaterThan(0)
    await cli.ok('builder', 'prune', '-af')
    await cli.ok('image', 'prune', '-af')
    expect(readdirSync(join(cli.root, 'snapshots'))).toEqual([])
    expect(readdirSync(join(cli.root, 'caches'))).toEqual([])
  })

  it.skipIf(noNetworks !== false)('with all its processes leaves nothing behind the next command', async () => {
    await using cli = openCli()
    const base = baseFolder()
    const context = cli.files('context', { Dockerfile: 'FROM base\nRUN sleep 60' })
    const args = ['build', '-q', '--build-context', `base=${base}`, '--cgroup-parent', parent, context]
    const interfaces = (): string => readFileSync('/proc/self/net/dev', 'utf8')
    const running = vi.waitFor(
      () => {
        expect(interfaces()).toContain(bridgeName(cli))
        expect(stepCgroups()).not.toEqual([])
      },
      { timeout: 60_000 },
    )
    expect(await killedBuild(cli, args, 'all its processes', running)).toBe(true)
    await cli.ok('images')
    await vi.waitFor(() => expect(remains(cli)).toEqual({ scratch: [], mounts: [], cgroups: [], leases: [] }), 30_000)
    await vi.waitFor(() => expect(interfaces()).not.toContain(bridgeName(cli)), 30_000)
  })

  it('by nobody is not ended by the same step of another store', async () => {
    await using cli = openCli()
    await using other = openCli()
    const base = baseFolder()
    const context = cli.files('context', {
      Dockerfile: 'FROM base\nRUN --mount=type=secret,id=time sleep $(cat /run/secrets/time)',
    })
    const args = (seconds: string): readonly string[] => {
      const secret = join(cli.files(seconds, { time: seconds }), 'time')
      return [
        'build',
        '--network',
        'none',
        '--secret',
        `id=time,src=${secret}`,
        '--build-context',
        `base=${base}`,
        context,
      ]
    }
    const results = await Promise.all([cli.run(args('1')), other.run(args('3'))])
    expect(results.map(({ status }) => status)).toEqual([0, 0])
  })
})
