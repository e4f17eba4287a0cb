import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { monitorOf, until } from '../helpers/container-cli.ts'
import { startRegistry, type Registry } from '../helpers/registry.ts'
import { projectHome, standIns, type Cli } from '../helpers/tsbuild.ts'
import { hasSubIdTools, noUsers, openUnprivilegedCli, userId } from '../helpers/unprivileged.ts'

const image = 'debian:bookworm'
let hub: Registry
beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
})
afterAll(() => hub[Symbol.asyncDispose]())

const noWays = ['a single id', ...(hasSubIdTools ? ['sub-ids'] : [])] as const

describe.skipIf(noUsers !== false).for(noWays)('an unprivileged user with %s', (ids) => {
  let cli: Cli
  beforeAll(() => {
    cli = openUnprivilegedCli({ hasSubIds: ids === 'sub-ids' }, { hub: hub.origin })
  })
  afterAll(() => cli[Symbol.asyncDispose]())

  it('builds', async () => {
    const dockerfile = `FROM ${image}\nRUN --network=none id -u > /made && mkdir /d\nCOPY file /d/\n`
    const context = cli.files('context', { Dockerfile: dockerfile, file: 'of the context' })
    await cli.ok('build', '-t', 'made', context)
    expect(await cli.ok('run', '--rm', '--network', 'none', 'made', 'cat', '/made', '/d/file')).toBe(
      '0\nof the context',
    )
  })

  it.skipIf(ids !== 'sub-ids')('gives files to other users', async () => {
    const dockerfile = `FROM ${image}\nCOPY --chown=33:44 file /a\nRUN --network=none chown 5:6 /a -R; touch /b; chown 7:8 /b; ls -ln /a /b > /made\n`
    const context = cli.files('owners', { Dockerfile: dockerfile, file: '' })
    await cli.ok('build', '-t', 'owners', context)
    expect(await cli.ok('run', '--rm', '--network', 'none', 'owners', 'cat', '/made')).toMatch(/ 5 +6 .* 7 +8 /s)
  })

  it('runs, enters, copies, commits, stops', async () => {
    await cli.ok('run', '-d', '--name', 'box', '--network', 'none', image, 'sh', '-c', 'echo said; exec sleep 1000')
    expect(await cli.ok('exec', 'box', 'id', '-u')).toBe('0\n')
    await until('it spoke', async () => (await cli.ok('logs', 'box')) === 'said\n')
    await cli.ok('cp', join(cli.folder, 'config.json'), 'box:/root/copied')
    expect(await cli.ok('exec', 'box', 'cat', '/root/copied')).toBe('{}')
    await cli.ok('cp', 'box:/root/copied', join(cli.folder, 'back'))
    expect(readFileSync(join(cli.folder, 'back'), 'utf8')).toBe('{}')
    expect(statSync(join(cli.folder, 'back')).uid).toBe(userId)
    await cli.ok('commit', 'box', 'committed')
    expect(await cli.ok('run', '--rm', '--network', 'none', 'committed', 'cat', '/root/copied')).toBe('{}')
    // There is no cgroup by which it could be killed.
    await cli.ok('stop', '-t', '0', 'box')
    expect(await cli.ok('ps', '-a', '--filter', 'name=box', '--format', '{{.Status}}')).toContain('Exited (137)')
    await cli.ok('rm', 'box')
  })

  it('sees the processes of a container, those of exec too, without a cgroup', async () => {
    const script = 'sleep 1001 & exec sleep 1002'
    await cli.ok('run', '-d', '--name', 'busy', '--network', 'none', image, 'sh', '-c', script)
    await cli.ok('exec', '-d', 'busy', 'sleep', '1003')
    const seen = async (): Promise<readonly string[]> =>
      [...(await cli.ok('top', 'busy', '-eo', 'pid,args')).matchAll(/sleep (\d+)/g)].map(([, time]) => time!).toSorted()
    await expect.poll(seen).toEqual(['1001', '1002', '1003'])
    expect(await cli.ok('stats', '--no-stream', '--format', '{{.PIDs}}', 'busy')).toBe('3\n')
    await cli.ok('rm', '-f', 'busy')
  })

  it('keeps volumes, saves and loads, prunes', async () => {
    await cli.ok('run', '--rm', '--network', 'none', '-v', 'kept:/data', image, 'sh', '-c', 'echo kept > /data/file')
    expect(await cli.ok('run', '--rm', '--network', 'none', '-v', 'kept:/data', image, 'cat', '/data/file')).toBe(
      'kept\n',
    )
    const tar = join(cli.folder, 'saved.tar')
    await cli.ok('save', '-o', tar, image)
    await cli.ok('load', '-i', tar)
    await cli.ok('network', 'create', 'own')
    await cli.ok('network', 'rm', 'own')
    await cli.ok('system', 'prune', '-af', '--volumes')
    await cli.ok('volume', 'rm', 'kept')
    expect(readdirSync(join(cli.root, 'snapshots'))).toEqual([])
  })

  it('fills volumes from directories of the image', async () => {
    const dockerfile = `FROM ${image}\nRUN --network=none mkdir /d && echo there > /d/file ${ids === 'sub-ids' ? '&& chown 5:6 /d && chmod 750 /d' : ''}\nVOLUME ["/d"]\n`
    await cli.ok('build', '-t', 'filled', cli.files('filled', { Dockerfile: dockerfile }))
    expect(
      await cli.ok('run', '--rm', '--network', 'none', 'filled', 'sh', '-c', 'cat /d/file; stat -c "%u:%g %a" /d'),
    ).toBe(`there\n${ids === 'sub-ids' ? '5:6 750' : '0:0 755'}\n`)
  })

  it('finds its way after a monitor was killed, beside bridges and interfaces of root', async () => {
    await cli.ok('run', '-d', '--name', 'killed', '--network', 'none', image, 'sleep', '1000')
    process.kill(await monitorOf(cli, 'killed'), 'SIGKILL')
    expect(await cli.ok('ps', '-q')).toBe('')
    await cli.ok('rm', '-f', 'killed')
  })

  it('is told of limits that nobody delegated, and runs', async () => {
    const { status, stderr } = await cli.run(['run', '--rm', '--network', 'none', '-m', '64m', image, 'true'])
    if (stderr !== '')
      expect(stderr).toMatch(/The cgroup controller "memory" is not delegated .*: its limits are discarded/)
    expect(status).toBe(0)
  })
})

describe.skipIf(noUsers !== false)('a home where nothing can be made', () => {
  it.for(['/proc', '/sys', '/nonexistent', '/etc/hostname'])('is a clear error at once: %s', async (home) => {
    await using cli = openUnprivilegedCli({ hasSubIds: false })
    const env = { HOME: home, TSBUILD_ROOT: join(home, '.local/share/tsbuild') }
    // "--root" of the set-up would take the place of the home.
    const program = join(projectHome, 'bin/tsbuild')
    const user = ['setpriv', `--reuid=${userId}`, `--regid=${userId}`, '--clear-groups', program]
    const child = spawnSync(user[0]!, [...user.slice(1), 'images'], {
      env: { ...cli.environment, ...env },
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    expect(child.signal).toBeNull()
    expect(child.status).toBe(1)
    expect(child.stderr).toContain(`Cannot write to the store "${home}/.local/share/tsbuild"`)
  })
})

describe.skipIf(noUsers !== false)('the network of an unprivileged user', () => {
  it('without a program for it is a clear error', async () => {
    await using cli = openUnprivilegedCli({ hasSubIds: false, path: '/nonexistent' }, { hub: hub.origin })
    expect(await cli.fails(['run', '--rm', image, 'true'])).toMatchObject({
      code: 'FEATURE_MISSING',
      message: expect.stringMatching(/'pasta' \(package passt\) or 'slirp4netns'/) as string,
    })
    expect(await cli.ok('ps', '-aq')).toBe('')
  })

  it('without /dev/net/tun is a clear error', async () => {
    await using cli = openUnprivilegedCli({ hasSubIds: false, prepare: 'rm /dev/net/tun' }, { hub: hub.origin })
    expect(await cli.fails(['run', '--rm', image, 'true'])).toMatchObject({
      code: 'FEATURE_MISSING',
      message: expect.stringContaining("cannot open '/dev/net/tun'") as string,
    })
  })
})
