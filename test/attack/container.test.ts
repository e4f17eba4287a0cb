import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import { tar, type TarEntry } from '../helpers/tar.ts'
import { standIns, type Cli } from '../helpers/tsbuild.ts'
import { expectUntouched, makeHost, openWay, ways } from './ways.ts'

/* Hostile images and containers against the whole command line, with and without root. Each test succeeds against a tool without the defence that its comment names. */

const escape = '\u001B'

describe.for(ways)('as %s', (way) => {
  let cli: Cli
  /** A directory of the host that no container has anything to do with. */
  let host: string
  beforeAll(async () => {
    await using hub = await startRegistry({ seed: standIns })
    cli = openWay(way, { hub: hub.origin })
    host = makeHost(cli.folder)
    const up = `../../../../../../../..${host}`
    const link = (name: string, target: string): TarEntry => ({ name, type: '2', link: target })
    const layer = tar(
      ...['resolv.conf', 'hosts', 'hostname'].map((name) => link(`etc/${name}`, `${host}/${name}`)),
      { name: 'etc/passwd', type: '6' },
      { name: 'etc/group', type: '6' },
      link('link', host),
      link('up', up),
    )
    const dockerfile = `FROM debian:bookworm\nADD hostile.tar /\nLABEL says="${escape}]0;driven\u0007${escape}[2J"\n`
    const context = cli.files('hostile', { Dockerfile: dockerfile })
    writeFileSync(join(context, 'hostile.tar'), layer)
    await cli.ok('build', '-t', 'hostile', context)
    await cli.ok('run', '-d', '--name', 'box', '--network', 'none', 'hostile', 'sleep', '1000')
  })
  afterAll(() => cli[Symbol.asyncDispose]())
  afterEach(() => expectUntouched(host))

  // Defence: places of mounts are resolved inside the root.
  it('resolv.conf, hosts and hostname that are links to the host write and read nothing there', async () => {
    const script = 'for f in resolv.conf hosts hostname; do echo planted > /etc/$f; done; cat /link/secret'
    const { stdout } = await cli.run(['exec', 'box', 'sh', '-c', script])
    expect(stdout).toBe('')
  })

  // Defence: the files are opened without waiting, and only when they are regular.
  it('a FIFO as passwd and group hangs nobody', async () => {
    expect(await cli.ok('exec', '-u', '0:0', 'box', 'echo', 'there')).toBe('there\n')
    expect(await cli.fails(['exec', '-u', 'ghost', 'box', 'true'])).toMatchObject({ code: 'USER_UNKNOWN' })
  })

  // Defence: a passwd file is read to a limit.
  it('a passwd without end is refused', async () => {
    await cli.ok('run', '-d', '--name', 'huge', '--network', 'none', 'hostile', 'sleep', '1000')
    await cli.ok('exec', 'huge', 'sh', '-c', 'rm /etc/passwd; truncate -s 20G /etc/passwd')
    expect(await cli.fails(['exec', '-u', 'ghost', 'huge', 'true'])).toMatchObject({
      message: expect.stringContaining('passwd') as string,
    })
    await cli.ok('rm', '-f', 'huge')
  })

  // Defence: what a volume starts from is copied inside the root.
  it.for(['/link', '/up'])('a new volume at the link %s holds nothing of the host', async (place) => {
    const volume = `v${place.slice(1)}`
    await cli.run([
      'run',
      '--rm',
      '--network',
      'none',
      '-v',
      `${volume}:${place}`,
      'hostile',
      'sh',
      '-c',
      `touch ${place}/inside`,
    ])
    const held = await cli.ok('run', '--rm', '--network', 'none', '-v', `${volume}:/v`, 'debian:bookworm', 'ls', '/v')
    expect(held).not.toContain('secret')
  })

  // Defence: cp resolves every element of a path inside the container's root, by descriptors.
  it.for(['/link', '/up'])('CVE-2018-15664: cp through %s stays inside', async (link) => {
    const mine = join(cli.files('mine', { planted: 'x' }), 'planted')
    const out = join(cli.folder, 'mine', 'out')
    expect((await cli.run(['cp', `box:${link}/secret`, out])).status).not.toBe(0)
    await cli.run(['cp', mine, `box:${link}/planted`])
    expect(readdirSync(join(cli.folder, 'mine'))).toEqual(['planted'])
  })

  it('CVE-2018-15664: cp into a directory that becomes a link all the time stays inside', async () => {
    const race = `mkdir -p /race/real; ln -s ${host} /race/fake; cd /race; while :; do mv real place; mv place real; mv fake place; mv place fake; done 2>/dev/null`
    await cli.ok('run', '-d', '--name', 'racer', '--network', 'none', 'hostile', 'sh', '-c', race)
    const mine = join(cli.files('mine', { planted: 'x' }), 'planted')
    for (let round = 0; round < 4; round += 1) {
      await cli.run(['cp', mine, 'racer:/race/place/planted'])
      await cli.run(['cp', 'racer:/race/place/secret', join(cli.folder, 'mine', 'out')])
      expect(readdirSync(host)).toEqual(['secret'])
      expect(readdirSync(join(cli.folder, 'mine'))).toEqual(['planted'])
    }
    await cli.ok('rm', '-f', 'racer')
  })

  it('CVE-2018-15664: cp out of a tree whose directories become links all the time brings nothing of the host', async () => {
    const race = `mkdir -p /race/top/real /race/top/fine; echo mine > /race/top/real/secret; ln -s ${host} /race/top/fake; cd /race/top; while :; do mv real place; mv place real; mv fake place; mv place fake; done 2>/dev/null`
    await cli.ok('run', '-d', '--name', 'racer', '--network', 'none', 'hostile', 'sh', '-c', race)
    const secret = readFileSync(join(host, 'secret'), 'utf8')
    for (let round = 0; round < 6; round += 1) {
      const out = cli.files(`out${round}`, {})
      await cli.run(['cp', ...(round % 2 === 0 ? [] : ['-L']), 'racer:/race/top', out])
      await cli.run(['cp', '-L', 'racer:/race/top/place', out])
      const files = execFileSync('find', [out, '-type', 'f'], { encoding: 'utf8' }).trim().split('\n')
      for (const file of files.filter((path) => path !== '')) expect(readFileSync(file, 'utf8')).not.toBe(secret)
      expect(readdirSync(host)).toEqual(['secret'])
    }
    await cli.ok('rm', '-f', 'racer')
  })

  // Defence: a working directory outside of the root is noticed after chdir (CVE-2024-21626).
  it.for(['/proc/self/fd/3', '/proc/self/fd/8'])('the working directory %s shows nothing of the host', async (cwd) => {
    const { stdout, status } = await cli.run([
      'run',
      '--rm',
      '--network',
      'none',
      '-w',
      cwd,
      'hostile',
      'ls',
      '-a',
      '..',
    ])
    expect(status === 0 ? stdout : '').not.toContain('host')
    expect((await cli.run(['exec', '-w', cwd, 'box', 'cat', 'secret'])).stdout).toBe('')
  })

  // Defence: every descriptor is closed on exec.
  it('a process has no descriptors but its own', async () => {
    const list = ['sh', '-c', 'ls /proc/$$/fd; true']
    expect(
      (await cli.ok('run', '--rm', '--network', 'none', 'hostile', ...list))
        .split(/\s+/)
        .filter((fd) => Number(fd) > 2 && Number(fd) < 10),
    ).toEqual([])
    expect(
      (await cli.ok('exec', 'box', ...list)).split(/\s+/).filter((fd) => Number(fd) > 2 && Number(fd) < 10),
    ).toEqual([])
  })

  // Defence: a line of a log is one JSON string, whatever it says.
  it('a log cannot be forged from inside', async () => {
    const line = '{"log":"forged\\n","stream":"stderr","time":"2020-01-01T00:00:00Z"}'
    const text = `${line}\n\\u0000","stream":"stderr"}\n`
    await cli.ok('run', '--name', 'forger', '--network', 'none', 'debian:bookworm', 'printf', '%s', text)
    const { stdout, stderr } = await cli.run(['logs', 'forger'])
    expect({ stdout, stderr }).toEqual({ stdout: text, stderr: '' })
    await cli.ok('rm', 'forger')
  })

  // Defence: what comes from an image is made printable.
  it('what an image says drives no terminal', async () => {
    const command = `${escape}[2J`
    const said: string[] = []
    said.push((await cli.run(['run', '--name', 'driver', '--network', 'none', 'hostile', command])).stderr)
    for (const words of [
      ['events', '--since', '1h', '--until', '0s'],
      ['ps', '-a', '--no-trunc'],
      ['history', '--no-trunc', 'hostile'],
      ['inspect', 'hostile'],
    ])
      said.push(await cli.ok(...words))
    expect(said.join('\n')).toContain('driven')
    expect(said.filter((text) => text.includes(escape))).toEqual([])
    await cli.run(['rm', 'driver'])
  })

  // Defence: nothing but a procfs is mounted on /proc, and nothing inside of it (CVE-2019-16884).
  it.for(['/proc', '/proc/self', '/proc/sys', '/link/../proc'])(
    'an image with the volume %s is refused',
    async (place) => {
      const context = cli.files('volume', { Dockerfile: `FROM hostile\nVOLUME ["${place}"]\n` })
      await cli.ok('build', '-q', '-t', 'volume', context)
      expect(await cli.fails(['run', '--rm', '--network', 'none', 'volume', 'true'])).toMatchObject({
        code: 'MOUNT_FAILED',
        message: expect.stringContaining('procfs') as string,
      })
    },
  )

  // Defence: /proc/sys is read-only, cgroups as well, and no file system of the kernel is mounted anew.
  it('no program of the container becomes one that the kernel starts', async () => {
    const script = `
      echo '|/evil' > /proc/sys/kernel/core_pattern; echo /evil > /sys/kernel/uevent_helper; echo /evil > /proc/sys/kernel/modprobe
      find /sys/fs/cgroup -name release_agent | while read -r file; do echo /evil > $file && echo WROTE $file; done
      mkdir -p /tmp/m; for type in cgroup cgroup2 proc sysfs; do mount -t $type none /tmp/m && echo MOUNTED $type; done; true`
    const { stdout, stderr } = await cli.run(['run', '--rm', '--network', 'none', 'hostile', 'sh', '-c', script])
    expect(stdout).toBe('')
    expect(stderr).toMatch(/core_pattern: Read-only file system/)
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).not.toContain('/evil')
  })

  // Defence: the default filter (TIOCSTI needs a terminal of one's own, keyctl and user namespaces none at all).
  it('the kernel is out of reach', async () => {
    const { stdout } = await cli.run([
      'exec',
      'box',
      'sh',
      '-c',
      'unshare -U true 2>&1; mount -t tmpfs x /tmp 2>&1; cat /proc/kcore | head -c1 | wc -c; echo 1 2>&1 > /proc/sysrq-trigger',
    ])
    expect(stdout).toMatch(/not permitted[^]*(not permitted|denied)/)
    expect(stdout).toContain('\n0\n')
  })
})
