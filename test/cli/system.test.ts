import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bootUnit } from '../../src/cli/container/boot-unit.ts'
import { image, inspected, monitorOf, openContainerCli, until } from '../helpers/container-cli.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

const names = async (...args: readonly string[]): Promise<readonly string[]> =>
  (await cli.ok('ps', '--format', '{{.Names}}', ...args))
    .split('\n')
    .filter((name) => name !== '')
    .toSorted()

it('after a boot those run again that should', async () => {
  for (const policy of ['no', 'always', 'unless-stopped', 'on-failure']) {
    for (const fate of ['boot', 'stop'])
      await cli.ok('run', '-d', '--name', `${policy}-${fate}`, '--restart', policy, image, 'sleep', '1000')
  }
  await cli.ok('create', '--name', 'never-ran', '--restart', 'always', image)
  await cli.ok('run', '-d', '--name', 'given-up', '--restart', 'on-failure:1', image, 'false')
  const joined = ['--network', 'container:always-boot', '--pid', 'container:always-boot']
  await cli.ok('run', '-d', '--name', 'joined-boot', '--restart', 'always', ...joined, image, 'sleep', '1000')
  const tries = '{{.RestartCount}} {{.State.Status}}'
  await until('it was tried again', async () => (await inspected(cli, 'given-up', tries)) === '1 exited')
  const all = await names()
  await cli.ok('stop', '-t', '0', ...all.filter((name) => name.endsWith('-stop')))
  // What a boot does: everything is gone at once.
  const monitors = await Promise.all(all.filter((one) => one.endsWith('-boot')).map((name) => monitorOf(cli, name)))
  for (const monitor of monitors) process.kill(monitor, 'SIGKILL')
  expect(await names()).toEqual([])
  const started = (await cli.ok('system', 'start')).split('\n').filter((name) => name !== '')
  expect(started.toSorted()).toEqual([
    'always-boot',
    'always-stop',
    'joined-boot',
    'on-failure-boot',
    'unless-stopped-boot',
  ])
  expect(await names()).toEqual(started.toSorted())
  await cli.ok('rm', '-f', ...(await names('-a')))
})

it('the unit calls this tsbuild on this store', async () => {
  const directory = join(cli.folder, 'units')
  const path = (await cli.ok('system', 'install-units', '--directory', directory)).trim()
  expect(readFileSync(path, 'utf8')).toContain(`bin/tsbuild" --root "${cli.root}" system start\n`)
  expect(bootUnit({ program: '/a "b"', root: '/c$d%e', rootless: true })).toContain(
    'ExecStart="/a \\"b\\"" --root "/c$$d%%e" system start\n',
  )
})

it('df counts, prune removes what is not used and keeps what is', async () => {
  await cli.ok('run', '-d', '--name', 'used', '-v', 'kept:/data', image, 'sleep', '1000')
  await cli.ok('run', '--name', 'ended', '-v', '/anonymous', image, 'sh', '-c', 'head -c 100000 /dev/zero > /big')
  const df = (): Promise<string> => cli.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}}')
  expect(await df()).toBe('Images 1 1\nContainers 2 1\nLocal Volumes 2 2\nBuild Cache 0 0\n')
  const question = await cli.run(['system', 'prune'], { stdin: 'n\n' })
  expect(question.stdout).toContain('[y/N]')
  expect(await df()).toContain('Containers 2 1')
  const pruned = await cli.ok('system', 'prune', '-f', '--volumes')
  expect(pruned).toMatch(/Deleted Containers:\n[0-9a-f]{64}\n/)
  expect(pruned).toMatch(/Total reclaimed space: 1\d\d(\.\d+)?kB\n$/)
  expect(await df()).toBe('Images 1 1\nContainers 1 1\nLocal Volumes 1 1\nBuild Cache 0 0\n')
  await cli.ok('rm', '-f', 'used')
  await cli.ok('volume', 'rm', 'kept')
})

it('events tell what happened, also what a monitor did by itself', async () => {
  await cli.ok('run', '-d', '--name', 'seen', image, 'sh', '-c', 'exit 3')
  await until('it ended', async () => (await cli.ok('ps', '-aq', '--filter', 'exited=3')) !== '')
  await cli.ok('rm', 'seen')
  const format = '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}'
  const events = await cli.ok(
    'events',
    '--since',
    '1h',
    '--until',
    '0s',
    '--filter',
    'container=seen',
    '--format',
    format,
  )
  expect(events.split('\n').map((line) => line.replace(' <no value>', ''))).toEqual([
    'create seen',
    'start seen',
    'die seen 3',
    'destroy seen',
    '',
  ])
})

it('events tell the signals by which a container was stopped, before its end', async () => {
  const script = 'trap "" TERM; echo set; while :; do sleep 1; done'
  await cli.ok('run', '-d', '--name', 'stubborn', image, 'sh', '-c', script)
  await until('the trap is set', async () => (await cli.ok('logs', 'stubborn')) === 'set\n')
  await cli.ok('stop', '-t', '1', 'stubborn')
  await cli.ok('start', 'stubborn')
  await cli.ok('rm', '-f', 'stubborn')
  const format = '{{.Action}} {{.Actor.Attributes.signal}}'
  const selected = ['--since', '1h', '--until', '0s', '--filter', 'container=stubborn', '--format', format]
  const events = (await cli.ok('events', ...selected)).replaceAll(' <no value>', '')
  expect(events).toBe('create\nstart\nkill 15\nkill 9\ndie\nstop\nstart\nkill 9\ndie\ndestroy\n')
})

it('version and info have the members that scripts ask docker for', async () => {
  const versions = JSON.parse(await cli.ok('version', '--format', 'json')) as Record<'Client' | 'Server', object>
  const common = ['Version', 'ApiVersion', 'GitCommit', 'Os', 'Arch']
  expect(Object.keys(versions.Client)).toEqual(expect.arrayContaining([...common, 'DefaultAPIVersion', 'Context']))
  const ofServer = [...common, 'Platform', 'Components', 'MinAPIVersion', 'KernelVersion']
  expect(Object.keys(versions.Server).toSorted()).toEqual(ofServer.toSorted())
  const names = '{{.Client.APIVersion}} {{.Server.MinAPIVersion}} {{(index .Server.Components 0).Name}}'
  expect(await cli.ok('version', '-f', names)).toMatch(/^1\.\d+ 1\.\d+ Engine\n$/)
  const facts = JSON.parse(await cli.ok('info', '--format', 'json')) as object
  expect(facts).toMatchObject({
    CgroupVersion: expect.stringMatching(/^[12]$/),
    ID: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
    MemoryLimit: expect.any(Boolean),
    OSType: 'linux',
    Swarm: { LocalNodeState: 'inactive' },
    SystemTime: expect.stringMatching(/Z$/),
  })
})

it('system prune with volumes has no "until"', async () => {
  const error = await cli.fails(['system', 'prune', '-f', '--volumes', '--filter', 'until=1h'])
  expect(error).toMatchObject({ code: 'USAGE', message: expect.stringContaining('is not supported with "--volumes"') })
})

it('import and commit write only what a health check says', async () => {
  await cli.ok('create', '--name', 'source', image, 'true')
  await cli.ok('export', '-o', 'source.tar', 'source')
  const check = ['-c', 'HEALTHCHECK --interval=5s CMD true']
  await cli.ok('import', ...check, join(cli.folder, 'source.tar'), 'imported')
  await cli.ok('commit', ...check, 'source', 'committed')
  const format = '{{json .Config.Healthcheck}}'
  const wanted = '{"Test":["CMD-SHELL","true"],"Interval":5000000000}\n'
  expect(await cli.ok('image', 'inspect', '-f', format, 'imported', 'committed')).toBe(wanted.repeat(2))
  await cli.ok('rm', 'source')
  await cli.ok('rmi', 'imported', 'committed')
})

it('events tell what happened while nobody looked, with its time', async () => {
  const since = String(Math.floor(Date.now() / 1000) - 1)
  const script = 'test -e /again && exit 4; touch /again; exit 3'
  await cli.ok('run', '-d', '--name', 'busy', '--restart', 'on-failure:1', image, 'sh', '-c', script)
  await until(
    'it ended twice',
    async () => (await inspected(cli, 'busy', '{{.RestartCount}} {{.State.Status}}')) === '1 exited',
  )
  await cli.ok('update', '--restart', 'no', 'busy')
  await cli.ok('start', 'busy')
  await cli.ok('wait', 'busy')
  await cli.ok('commit', 'busy', 'busy:image')
  await cli.ok('cp', 'busy:/etc/hostname', join(cli.folder, 'hostname'))
  await cli.ok('rm', 'busy')
  const told = async (...filters: readonly string[]): Promise<readonly string[]> => {
    const words = filters.flatMap((filter) => ['--filter', filter])
    const format = '{{.Action}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.imageRef}}'
    const text = await cli.ok('events', '--since', since, '--until', '0s', '--format', format, ...words)
    return text
      .trim()
      .replaceAll('<no value>', '')
      .split('\n')
      .map((line) => line.trim())
  }
  expect(await told('container=busy')).toEqual([
    'create',
    'start',
    'die 3',
    'start',
    'die 4',
    'update',
    'start',
    'die 4',
    'commit  busy:image',
    'archive-path',
    'destroy',
  ])
  expect(await told('event=die', 'container=busy')).toEqual(['die 3', 'die 4', 'die 4'])
  expect(await told('type=image', 'image=busy:image')).toEqual(['tag'])
  await cli.ok('rmi', 'busy:image')
})

it('changes of health are events, each once', async () => {
  const since = String(Math.floor(Date.now() / 1000) - 1)
  const check = ['--health-cmd', 'test -e /well', '--health-interval', '100ms', '--health-retries', '1']
  await cli.ok('run', '-d', '--name', 'patient', ...check, image, 'sleep', '1000')
  const health = (): Promise<string> => inspected(cli, 'patient', '{{.State.Health.Status}}')
  await until('it is unhealthy', async () => (await health()) === 'unhealthy')
  await cli.ok('exec', 'patient', 'touch', '/well')
  await until('it is healthy', async () => (await health()) === 'healthy')
  await cli.ok('stop', '-t', '0', 'patient')
  expect(await health()).toBe('unhealthy')
  const told = await cli.ok(
    'events',
    '--since',
    since,
    '--until',
    '0s',
    '--filter',
    'container=patient',
    '--filter',
    'event=health_status',
    '--format',
    '{{.Action}}',
  )
  expect(told).toBe('health_status: unhealthy\nhealth_status: healthy\n')
  await cli.ok('rm', 'patient')
})

it('wait gives the code of what never ran at once; stats count the memory of a process that began before its figures', async () => {
  await cli.ok('create', '--name', 'idle', image, 'true')
  expect(await cli.ok('wait', 'idle')).toBe('0\n')
  await cli.ok('run', '-d', '--name', 'shell', image, 'sh', '-c', 'sleep 1000; true')
  expect(await cli.ok('stats', '--no-stream', '--format', '{{.MemUsage}}', 'shell')).toMatch(/^[1-9][\d.]*[KMG]?i?B \//)
  await cli.ok('rm', '-f', 'idle', 'shell')
})
