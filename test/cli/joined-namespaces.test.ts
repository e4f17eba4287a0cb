import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startRegistry, type Registry } from '../helpers/registry.ts'
import { openCli, standIns, type Cli } from '../helpers/tsbuild.ts'

const image = 'debian:bookworm'
let hub: Registry
let cli: Cli
beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
  cli = openCli({ hub: hub.origin })
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await hub[Symbol.asyncDispose]()
})

const inspect = async (name: string, field: string): Promise<string> =>
  (await cli.ok('inspect', '--format', `{{${field}}}`, name)).trim()
const namespaces = async (name: string): Promise<string> =>
  cli.ok('exec', name, 'sh', '-c', 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; cat /dev/shm/word')

async function pair(donor: string, guest: string): Promise<void> {
  const script = 'cat /proc/sys/kernel/random/uuid > /dev/shm/word; exec sleep 1000'
  await cli.ok('run', '-d', '--name', donor, '--network', 'none', '--ipc', 'shareable', image, 'sh', '-c', script)
  await expect.poll(() => namespaces(donor)).toMatch(/-.*\n$/)
  const joined = ['--network', `container:${donor}`, '--ipc', `container:${donor}`]
  await cli.ok('run', '-d', '--name', guest, '--restart', 'always', ...joined, image, 'sleep', '1000')
  expect(await namespaces(guest)).toBe(await namespaces(donor))
}

/** Its process ends by a signal, so that the monitor starts it again. */
async function endProcess(name: string): Promise<number> {
  const pid = Number(await inspect(name, '.State.Pid'))
  process.kill(pid, 'SIGKILL')
  return pid
}

it('are those that the other container has when this one is started again', async () => {
  await pair('donor', 'guest')
  const before = await namespaces('donor')
  await cli.ok('restart', '-t', '0', 'donor')
  await expect.poll(() => namespaces('donor')).toMatch(/-.*\n$/)
  const after = await namespaces('donor')
  expect(after).not.toBe(before)
  const ended = await endProcess('guest')
  await expect
    .poll(async () => Number(await inspect('guest', '.State.Pid')))
    .toSatisfy((pid: number) => pid > 0 && pid !== ended)
  expect(await namespaces('guest')).toBe(after)
})

it('are not joined when the other one has ended', async () => {
  await pair('ended', 'late')
  await cli.ok('stop', '-t', '0', 'ended')
  await endProcess('late')
  await expect.poll(() => inspect('late', '.State.Status')).toBe('exited')
  expect(await inspect('late', '.State.Error')).toBe(
    'cannot join the namespaces of a container that does not run: ended',
  )
})

it('are never those of another process that has the pid by now', async () => {
  await pair('gone', 'stranger')
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' })
  try {
    const file = join(cli.root, 'containers', await inspect('gone', '.Id'), 'state.json')
    const state = JSON.parse(readFileSync(file, 'utf8')) as { readonly pid: number }
    writeFileSync(file, JSON.stringify({ ...state, pid: other.pid }))
    await endProcess('stranger')
    await expect.poll(() => inspect('stranger', '.State.Status')).toBe('exited')
    expect(await inspect('stranger', '.State.Error')).toContain('does not run: gone')
    writeFileSync(file, JSON.stringify(state))
  } finally {
    other.kill()
  }
})
