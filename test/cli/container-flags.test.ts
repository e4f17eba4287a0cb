import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, openContainerCli } from '../helpers/container-cli.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

describe('flags that cannot be', () => {
  it.for<readonly [flags: string, message: string]>([
    ['-d -a stdout', 'conflicting options: cannot specify both --attach and --detach'],
    ['--rm --restart always', 'conflicting options: cannot specify both --restart and --rm'],
    ['--uts host -h name', 'conflicting options: hostname and the UTS mode'],
    ['--device /dev/null:/dev/foo:xyz', 'bad mode specified: xyz'],
    ['--cpus 5000', 'range of CPUs is from 0.01 to '],
    ['--cpus 1 --cpu-quota 5', 'Conflicting options: --cpus and --cpu-quota'],
    ['-m 5m', 'Minimum memory limit allowed is 6MB'],
    ['-m 20m --memory-swap 10m', 'Minimum memoryswap limit should be larger than memory limit'],
    ['-m 20m --memory-reservation 30m', 'Minimum memory limit can not be less than memory reservation limit'],
    ['--oom-score-adj 5000', 'range for oom score adj is [-1000, 1000]'],
    ['--health-cmd true --no-healthcheck', '--no-healthcheck conflicts with --health-* options'],
    ['--health-interval 1ns --health-cmd true', 'Interval in Healthcheck cannot be less than 1ms'],
  ])('%s', async ([flags, message]) => {
    const error = await cli.fails(['run', ...flags.split(' '), image, 'true'])
    expect(error).toMatchObject({ status: 125, code: 'USAGE', message: expect.stringContaining(message) })
    expect(await cli.ok('ps', '-aq')).toBe('')
  })
})

describe('flags by what they do', () => {
  it('--env-file is read for the container, not by the program itself', async () => {
    writeFileSync(join(cli.folder, 'variables'), 'OWN=1\nNODE_OPTIONS=--bogus\nTSBUILD_ROOT=/nonexistent\n')
    const printed = await cli.ok('run', '--rm', '--env-file', 'variables', image, 'sh', '-c', 'echo $OWN $NODE_OPTIONS')
    expect(printed).toBe('1 --bogus\n')
    const error = await cli.fails(['run', '--rm', '--env-file', 'missing', image, 'true'])
    expect(error).toMatchObject({ status: 125, code: 'FILE_UNREADABLE' })
  })

  it('a negative --stop-timeout waits for ever', async () => {
    await cli.ok('run', '-d', '--name', 'patient', '--stop-timeout', '-1', image, 'sh', '-c', trap)
    expect(await cli.ok('stop', 'patient')).toBe('patient\n')
    await cli.ok('rm', 'patient')
  })

  it('--platform of another machine is no reason to take the image that is there', async () => {
    expect(await cli.fails(['run', '--rm', '--platform', 'linux/s390x', image, 'true'])).toMatchObject({ status: 125 })
    expect((await cli.run(['run', '--rm', '--platform', 'linux/amd64', image, 'true'])).status).toBe(0)
  })

  it('ports beside the network of the host are said to be discarded', async () => {
    const { stderr, status } = await cli.run(['run', '--rm', '--network', 'host', '-p', '80:80', image, 'true'])
    expect([status, stderr]).toEqual([0, 'Warning: Published ports are discarded when using host network mode\n'])
  })
})

const trap = 'trap "exit 0" TERM; while :; do sleep 0.1; done'
