import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, inspected, kernelLeftovers, monitorOf, openContainerCli } from '../helpers/container-cli.ts'
import { projectHome } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

/** Containers, their layers and directories, as the file system has them. */
const stored = (): readonly string[] => [
  ...readdirSync(join(cli.root, 'containers')),
  ...readdirSync(join(cli.root, 'snapshots')).map((id) => `layer ${id}`),
]

describe('a monitor that is killed', () => {
  it('the container is exited, its code said to be unknown, and nothing is left of it', async () => {
    const id = (await cli.ok('run', '-d', '--name', 'orphan', '-p', '80', image, 'sleep', '1000')).trim()
    const init = Number(await inspected(cli, 'orphan', '{{.State.Pid}}'))
    process.kill(await monitorOf(cli, 'orphan'), 'SIGKILL')
    const state = JSON.parse(await inspected(cli, 'orphan', '{{json .State}}')) as Record<string, unknown>
    expect(state).toMatchObject({
      Status: 'exited',
      ExitCode: 255,
      Pid: 0,
      Error: expect.stringContaining('not known'),
    })
    expect(kernelLeftovers([id])).toEqual([])
    await expect.poll(() => isRunning(init)).toBe(false)
    expect(await cli.ok('ps', '-q')).toBe('')
    await cli.ok('start', 'orphan')
    expect(await cli.ok('exec', 'orphan', 'echo', 'back')).toBe('back\n')
    await cli.ok('rm', '-f', 'orphan')
  })

  it('one with --rm is gone', async () => {
    const before = stored()
    await cli.ok('run', '-d', '--rm', '--name', 'brief', image, 'sleep', '1000')
    process.kill(await monitorOf(cli, 'brief'), 'SIGKILL')
    expect(await cli.ok('ps', '-aq')).toBe('')
    expect(stored()).toEqual(before)
  })

  it('an attached client learns that the exit code is not known', async () => {
    const running = cli.run(['run', '--name', 'watched', image, 'sleep', '1000'])
    await expect.poll(() => cli.ok('ps', '-q', '--filter', 'name=watched')).not.toBe('')
    process.kill(await monitorOf(cli, 'watched'), 'SIGKILL')
    expect((await running).status).toBe(255)
    await cli.ok('rm', 'watched')
  })
})

describe('a power cut', () => {
  it('that took the state of a container leaves one that has ended, and can be started and removed', async () => {
    const id = (await cli.ok('run', '-d', '--name', 'cut', image, 'true')).trim()
    await cli.ok('wait', 'cut')
    const state = join(cli.root, 'containers', id, 'state.json')
    truncateSync(state)
    expect(await cli.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}')).toMatch(/^cut Exited \(255\)/)
    await cli.ok('start', '-a', 'cut')
    expect(await inspected(cli, 'cut', '{{.State.ExitCode}}')).toBe('0')
    writeFileSync(state, '{"status":"run')
    await cli.ok('rm', 'cut')
    expect(stored()).not.toContain(id)
  })
})

describe('a command that is killed', () => {
  it('at any moment of run: the next command sees a whole container or none', async () => {
    const before = stored()
    for (let round = 0; round < 12; round += 1) {
      await killedAfter(['run', '-d', '--name', `k${round}`, image, 'sleep', '1000'], 60 + round * 25)
    }
    const names = (await cli.ok('ps', '-a', '--format', '{{.Names}}')).split('\n').filter((name) => name !== '')
    for (const name of names) {
      const status = await inspected(cli, name, '{{.State.Status}}')
      // Killed while the process had just begun: that it ran and is over is then the truth.
      expect(['created', 'running', 'exited']).toContain(status)
      if (status !== 'running') await cli.ok('start', name)
      expect(await cli.ok('exec', name, 'echo', 'whole')).toBe('whole\n')
    }
    if (names.length > 0) await cli.ok('rm', '-f', ...names)
    expect(stored()).toEqual(before)
    expect(await cli.ok('network', 'inspect', '-f', '{{len .Containers}}', 'bridge')).toBe('0\n')
  })

  it('at any moment of rm: what is left goes with the next command', async () => {
    const before = stored()
    for (let round = 0; round < 8; round += 1) {
      await cli.ok('run', '-d', '--name', 'victim', image, 'sleep', '1000')
      await killedAfter(['rm', '-f', 'victim'], 70 + round * 12)
      const left = await cli.ok('ps', '-aq')
      if (left !== '') await cli.ok('rm', '-f', 'victim')
    }
    expect(await cli.ok('ps', '-aq')).toBe('')
    expect(stored()).toEqual(before)
  })
})

async function killedAfter(args: readonly string[], ms: number): Promise<void> {
  const child = spawn(join(projectHome, 'bin/tsbuild'), ['--root', cli.root, ...args], {
    stdio: 'ignore',
    env: cli.environment,
  })
  await Promise.race([sleep(ms), once(child, 'exit')])
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** A zombie that nobody has fetched yet does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
