import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, openContainerCli, until } from '../helpers/container-cli.ts'
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
    ['--uts host --domainname name', 'conflicting options: domainname and the UTS mode'],
    ['--network container:other -h name', 'conflicting options: hostname and the network mode'],
    ['--network container:other --dns 1.1.1.1', 'conflicting options: dns and the network mode'],
    [
      '--network container:other --add-host a:1.1.1.1',
      'conflicting options: custom host-to-IP mapping and the network mode',
    ],
    ['--network container:other -p 80:80', 'conflicting options: port publishing and the container type network mode'],
    ['--network container:other --expose 80', 'conflicting options: port exposing and the container type network mode'],
    ['--isolation hyperv', "invalid isolation (hyperv): linux only supports 'default'"],
    ['--isolation chroot', "invalid isolation (chroot): linux only supports 'default'"],
    ['--volume-driver other', 'invalid value "other" for --volume-driver: only the driver "local" exists'],
    ['--storage-opt other=1', 'Unknown option other'],
    ['--storage-opt size', 'invalid storage option: size'],
    ['--storage-opt size=much', 'want a size such as'],
    ['--storage-opt size=-1', "invalid size: '-1'"],
    ['-l =value', "invalid label '=value': empty name"],
    ['--health-interval 1ns --health-cmd true', 'Interval in Healthcheck cannot be less than 1ms'],
  ])('%s', async ([flags, message]) => {
    const error = await cli.fails(['run', ...flags.split(' '), image, 'true'])
    expect(error).toMatchObject({ status: 125, code: 'USAGE', message: expect.stringContaining(message) })
    expect(await cli.ok('ps', '-aq')).toBe('')
  })
})

describe('flags that this has not', () => {
  it.for<readonly [flags: string, message: string]>([
    ['--gpus all', 'could not select device driver'],
    ['--use-api-socket', 'there is no daemon'],
    ['--disable-content-trust=false', 'signatures of notary are not verified'],
  ])('%s is refused, not ignored', async ([flags, message]) => {
    const error = await cli.fails(['run', ...flags.split(' '), image, 'true'])
    expect(error).toMatchObject({ status: 125, code: 'FEATURE_MISSING', message: expect.stringContaining(message) })
  })
})

describe('the IPC namespace of another container', () => {
  it('is joined with its shared memory, by whoever joins the joined one too', async () => {
    await cli.ok(
      'run',
      '-d',
      '--name',
      'donor',
      '--ipc',
      'shareable',
      image,
      'sh',
      '-c',
      'echo kept >/dev/shm/word; sleep 1000',
    )
    await cli.ok('run', '-d', '--name', 'between', '--ipc', 'container:donor', image, 'sleep', '1000')
    const said = 'readlink /proc/self/ns/ipc; cat /dev/shm/word'
    const own = await cli.ok('exec', 'donor', 'sh', '-c', said)
    expect(own).toMatch(/^ipc:.*\nkept\n$/)
    expect(await cli.ok('run', '--rm', '--ipc', 'container:between', image, 'sh', '-c', said)).toBe(own)
    expect(await cli.ok('inspect', '--format', '{{.HostConfig.IpcMode}}', 'donor')).toBe('shareable\n')
    await cli.ok('rm', '-f', 'donor', 'between')
  })

  it.for(['private', 'none'])('that of a container with --ipc %s is its own', async (mode) => {
    await cli.ok('run', '-d', '--name', 'private', '--ipc', mode, image, 'sleep', '1000')
    const error = await cli.fails(['run', '--ipc', 'container:private', image, 'true'])
    expect(error).toMatchObject({ status: 125, message: expect.stringContaining('non-shareable IPC') })
    await cli.ok('rm', '-f', 'private')
  })
})

describe('flags by what they do', () => {
  it('inspect shows them as docker does', async () => {
    const flags = '--cap-add net_admin --cap-drop CAP_CHOWN --device /dev/null:/dev/other:r -e OWN=1'.split(' ')
    await cli.ok('create', '--name', 'shown', ...flags, '--device-cgroup-rule', 'c 42:* rw', image, 'true')
    const host = JSON.parse(await cli.ok('inspect', '--format', '{{json .HostConfig}}', 'shown')) as object
    expect(host).toMatchObject({
      CapAdd: ['CAP_NET_ADMIN'],
      CapDrop: ['CAP_CHOWN'],
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/other', CgroupPermissions: 'r' }],
      DeviceCgroupRules: ['c 42:* rw'],
      IpcMode: 'private',
      MaskedPaths: expect.arrayContaining(['/proc/kcore']),
      ReadonlyPaths: expect.arrayContaining(['/proc/sys']),
    })
    expect(await cli.ok('inspect', '--format', '{{index .Config.Env 0}}', 'shown')).toBe('OWN=1\n')
    await cli.ok('rm', 'shown')
  })

  it('--env-file is read for the container, not by the program itself', async () => {
    writeFileSync(join(cli.folder, 'variables'), 'OWN=1\nNODE_OPTIONS=--bogus\nTSBUILD_ROOT=/nonexistent\n')
    const printed = await cli.ok('run', '--rm', '--env-file', 'variables', image, 'sh', '-c', 'echo $OWN $NODE_OPTIONS')
    expect(printed).toBe('1 --bogus\n')
    const error = await cli.fails(['run', '--rm', '--env-file', 'missing', image, 'true'])
    expect(error).toMatchObject({ status: 125, code: 'FILE_UNREADABLE' })
  })

  it.for(['', 'default', 'DEFAULT'])("--isolation=%s is docker's word for what is done anyway", async (name) => {
    expect(await cli.ok('run', '--rm', `--isolation=${name}`, image, 'echo', 'ran')).toBe('ran\n')
  })

  it('a negative --stop-timeout waits for ever', async () => {
    await cli.ok('run', '-d', '--name', 'patient', '--stop-timeout', '-1', image, 'sh', '-c', trap)
    await until('the trap is set', async () => (await cli.ok('logs', 'patient')) === 'set\n')
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

const trap = 'trap "exit 0" TERM; echo set; while :; do sleep 0.1; done'
