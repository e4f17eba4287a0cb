import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Monitored, type MonitorState } from '../helpers/monitored.ts'
import { noContainers, scratch, until, type Scratch } from '../helpers/runtime-bundle.ts'

let own: Scratch
let box: Monitored
beforeEach(() => {
  own = scratch()
  box = new Monitored(own, `health-${own.path.slice(-6)}`)
})
afterEach(async () => {
  await box.dispose()
  own.dispose()
})

const sh = (script: string): readonly string[] => ['sh', '-c', script]

/** Runs `program` with a check that comes often. */
async function start(
  program: string,
  check: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const health = {
    args: check,
    intervalMs: 50,
    timeoutMs: 5000,
    startPeriodMs: 0,
    startIntervalMs: 10,
    retries: 2,
    ...more,
  }
  const answer = await box.start(sh(program), { plan: { health } })
  expect(answer.error).toBeUndefined()
}

/** Says when it is ready to be stopped; a signal that comes sooner passes by the first process of a container. */
const stoppable = 'trap "exit 21" TERM; touch /tmp/ready; while :; do sleep 0.05; done'
const failsOnceReady = sh('test ! -e /tmp/ready')

const health = (): NonNullable<MonitorState['health']> => box.state().health!

describe.skipIf(noContainers)('a health check', () => {
  it('starts as starting', async () => {
    await start('sleep 1000', sh('true'), { intervalMs: 3_600_000 })
    expect(health()).toEqual({ status: 'starting', failingStreak: 0, log: [] })
  })

  it('becomes healthy', async () => {
    await start('sleep 1000', sh('echo fine; echo "in $(cat /proc/1/comm)" >&2'))
    await until(() => health().status === 'healthy', 'health')
    expect(health().log[0]).toMatchObject({ exitCode: 0, output: 'fine\nin sleep\n' })
  })

  it('becomes unhealthy after its retries, and healthy again', async () => {
    await start('sleep 1000', sh('test -e /tmp/ok || { echo broken; exit 1; }'))
    await until(() => health().status === 'unhealthy', 'trouble')
    expect(health().failingStreak).toBeGreaterThanOrEqual(2)
    expect(health().log[0]).toMatchObject({ exitCode: 1, output: 'broken\n' })
    const { pid } = box.state()
    writeFileSync(`/proc/${pid}/root/tmp/ok`, '')
    await until(() => health().status === 'healthy', 'health')
    expect(health().failingStreak).toBe(0)
  })

  it('keeps the last five probes and 4096 bytes of each', async () => {
    await start('sleep 1000', sh('yes | head -c 10000'))
    await until(() => health().log.length === 5, 'five probes')
    const first = JSON.stringify(health().log[0])
    await until(() => JSON.stringify(health().log[0]) !== first, 'a sixth')
    expect(health().log.length).toBe(5)
    expect(health().log.every(({ output }) => output.length === 4096)).toBe(true)
  })

  it('that takes too long fails', async () => {
    await start('sleep 1000', sh('sleep 1000'), { timeoutMs: 100 })
    await until(() => health().log.length > 0, 'a probe')
    expect(health().log[0]).toMatchObject({ exitCode: -1, output: expect.stringContaining('exceeded timeout') })
  })

  it('whose program is missing fails and says why', async () => {
    await start('sleep 1000', ['/nonexistent'])
    await until(() => health().log.length > 0, 'a probe')
    expect(health().log[0]).toMatchObject({ exitCode: 127, output: expect.stringContaining('/nonexistent') })
  })

  it('does not count failures of the start period', async () => {
    await start('sleep 1000', sh('exit 1'), { startPeriodMs: 60_000, retries: 1 })
    await until(() => health().log.length >= 3, 'probes')
    expect(health()).toMatchObject({ status: 'starting', failingStreak: 0 })
  })

  it('can kill the container', async () => {
    await start('sleep 1000', sh('exit 1'), { onFailure: 'kill' })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', exitCode: 137 })
  })

  it('can stop the container by its signal', async () => {
    await start(stoppable, failsOnceReady, { onFailure: 'stop' })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', exitCode: 21 })
  })

  it('can restart the container, whatever its policy', async () => {
    await start(stoppable, failsOnceReady, { onFailure: 'restart' })
    await until(() => box.state().restartCount >= 1, 'a restart')
    await until(() => box.state().status === 'running', 'the container')
    expect(box.state().health).not.toBeNull()
  })

  it('does not restart what is being stopped', async () => {
    // It says that it has heard, and goes on until it is let go.
    const stubborn = 'trap "touch /tmp/ready" TERM; echo set; until test -e /tmp/go; do sleep 0.05; done; exit 22'
    await start(stubborn, failsOnceReady, { onFailure: 'restart' })
    await until(() => health().status === 'healthy' && box.output() === 'set\n', 'health and the trap')
    const { pid } = box.state()
    const stopped = box.ask({ op: 'stop', timeoutMs: 600_000 })
    await until(() => health().status === 'unhealthy', 'trouble')
    writeFileSync(`/proc/${pid}/root/tmp/go`, '')
    expect(await stopped).toMatchObject({ exitCode: 22 })
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', restartCount: 0 })
  })

  it('ends with the container that it watches', async () => {
    await start('sleep 0.3', sh('sleep 1000'))
    await box.ended()
    expect(box.state()).toMatchObject({ status: 'exited', exitCode: 0 })
  })
})
