import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry, type Registry } from '../helpers/registry.ts'
import { standIns, type Cli } from '../helpers/tsbuild.ts'
import { noUsers, openUnprivilegedCli, userId } from '../helpers/unprivileged.ts'

const image = 'debian:bookworm'
const hierarchy = unified()
if (hierarchy === undefined) console.warn('skipped: no hierarchy of version 2 can be written to')

function unified(): string | undefined {
  const line = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))
  if (line === null || noUsers !== false) return undefined
  const place = join(line[1]!, `tsbuild-probe-${process.pid}`)
  try {
    mkdirSync(place)
    rmdirSync(place)
    return line[1]
  } catch {
    return undefined
  }
}

describe.skipIf(hierarchy === undefined)('a delegated cgroup', () => {
  let hub: Registry
  let cli: Cli
  let place: string
  const below = (): readonly string[] =>
    existsSync(join(place, 'tsbuild'))
      ? readdirSync(join(place, 'tsbuild'), { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map(({ name }) => name)
      : []

  beforeAll(async () => {
    hub = await startRegistry({ seed: standIns })
    place = join(hierarchy!, `tsbuild-delegated-${process.pid}`)
    mkdirSync(join(place, 'shell'), { recursive: true })
    const files = ['.', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads', 'shell'].map((file) =>
      join(place, file),
    )
    execFileSync('chown', [`${userId}:${userId}`, ...files])
    // Every command starts in it, as in a session of systemd's user manager.
    cli = openUnprivilegedCli(
      { hasSubIds: false, prepare: `echo 0 > ${place}/shell/cgroup.procs` },
      { hub: hub.origin },
    )
  })
  afterAll(async () => {
    await cli[Symbol.asyncDispose]()
    for (const name of ['tsbuild', 'shell', '.']) if (existsSync(join(place, name))) rmdirSync(join(place, name))
    await hub[Symbol.asyncDispose]()
  })

  it('holds containers, which can be paused, looked at and killed by it', async () => {
    await cli.ok('run', '-d', '--name', 'box', '--network', 'none', image, 'sh', '-c', 'sleep 1000 & exec sleep 1000')
    const id = (await cli.ok('ps', '-q', '--no-trunc')).trim()
    expect(below()).toEqual([id])
    await cli.ok('pause', 'box')
    expect(readFileSync(join(place, 'tsbuild', id, 'cgroup.freeze'), 'utf8')).toBe('1\n')
    await cli.ok('unpause', 'box')
    expect((await cli.ok('top', 'box')).match(/sleep 1000/g)).toHaveLength(2)
    await cli.ok('rm', '-f', 'box')
    expect(below()).toEqual([])
  })

  it('holds steps of a build', async () => {
    const text = `FROM ${image}\nRUN --network=none i=0; while [ $i -lt 300 ]; do i=$((i+1)); sleep 0.1; done\n`
    const built = cli.run(['build', '--no-cache', '--step-timeout', '2s', cli.files('context', { Dockerfile: text })])
    let seen: readonly string[] = []
    const ended = built.then(() => true)
    while (
      seen.length === 0 &&
      !(await Promise.race([ended, new Promise<false>((done) => setTimeout(done, 20, false))]))
    )
      seen = below()
    expect(seen).toEqual([expect.stringMatching(/^build-/)])
    expect((await built).status).toBe(1)
    expect(below()).toEqual([])
  })

  it('is where limits are looked for', async () => {
    const handed = readFileSync(join(place, 'cgroup.controllers'), 'utf8').split(/\s+/)
    const { status, stderr } = await cli.run(['run', '--rm', '--network', 'none', '--pids-limit', '50', image, 'true'])
    expect(status).toBe(0)
    const warning = `The cgroup controller "pids" is not delegated with "/${place.slice(hierarchy!.length + 1)}": its limits are discarded`
    if (handed.includes('pids')) expect(stderr).toBe('')
    else expect(stderr).toContain(warning)
  })
})
