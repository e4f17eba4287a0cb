import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, inspected, openContainerCli, until } from '../helpers/container-cli.ts'
import { freePort } from '../helpers/free-port.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
  const files = cli.files('vol', {
    Dockerfile: `FROM ${image}\nRUN mkdir -p /data/sub && echo one > /data/one && echo two > /data/sub/two && chown 33:33 /data && chmod 750 /data\nVOLUME /data\n`,
  })
  await cli.ok('build', '-q', '-t', 'vol', files)
})
afterAll(() => cli[Symbol.asyncDispose]())

const sh = (flags: readonly string[], script: string): Promise<string> =>
  cli.ok('run', '--rm', ...flags, 'vol', 'sh', '-c', script)
const volumes = async (): Promise<readonly string[]> =>
  (await cli.ok('volume', 'ls', '-q')).split('\n').filter((name) => name !== '')

describe('volumes', () => {
  it('the first use copies what the image has there, with owners and modes', async () => {
    expect(await sh(['-v', 'first:/data'], 'stat -c "%a %u:%g" /data; ls /data; cat /data/sub/two')).toBe(
      '750 33:33\none\nsub\ntwo\n',
    )
    expect(await sh(['-v', 'first:/data'], 'rm /data/one; echo x > /data/mine; ls /data')).toBe('mine\nsub\n')
    expect(await sh(['-v', 'first:/data'], 'ls /data')).toBe('mine\nsub\n')
    expect(readFileSync(join(cli.root, 'volumes/first/_data/mine'), 'utf8')).toBe('x\n')
    expect(await inspected(cli, 'first', '{{.Mountpoint}}')).toBe(join(cli.root, 'volumes/first/_data'))
    await cli.ok('volume', 'rm', 'first')
  })

  it.for([
    [['--mount', 'type=volume,src=v1,dst=/data,volume-nocopy'], 'ls /data', ''],
    [['-v', 'v1:/data:ro'], 'touch /data/x 2>&1 | grep -c Read-only', '1\n'],
    [['--mount', 'type=tmpfs,dst=/data,tmpfs-size=64k'], 'ls /data; df /data | awk "NR==2{print \\$2}"', '64\n'],
    [['--tmpfs', '/t:mode=700'], 'stat -c %a /t', '700\n'],
  ] as const)('%j', async ([flags, script, want]) => {
    expect(await sh(flags, script)).toBe(want)
  })

  it('a subpath of a volume cannot lead out of it', async () => {
    await sh(['-v', 'sub:/x'], 'mkdir /x/in; echo deep > /x/in/f; ln -s /etc /x/out')
    const mount = (path: string): string => `type=volume,src=sub,dst=/m,volume-subpath=${path}`
    expect(await sh(['--mount', mount('in')], 'cat /m/f')).toBe('deep\n')
    symlinkSync(cli.folder, join(cli.root, 'volumes/sub/_data/host'))
    for (const [path, code] of [
      ['host', 'PATH_MISSING'],
      ['out', 'PATH_MISSING'],
      ['nothing', 'PATH_MISSING'],
      ['../sub', 'USAGE'],
      ['/in', 'USAGE'],
    ] as const) {
      const error = await cli.fails(['run', '--rm', '--mount', mount(path), 'vol', 'ls', '/m'])
      expect(error).toMatchObject({ code, status: 125 })
    }
    await cli.ok('volume', 'rm', 'sub')
  })

  it('a bind shows the host as it is, and hides what the image has', async () => {
    const folder = cli.files('bound', { page: 'first' })
    await cli.ok('run', '-d', '--name', 'sees', '-v', `${folder}:/data`, 'vol', 'sleep', '1000')
    expect(await cli.ok('exec', 'sees', 'cat', '/data/page')).toBe('first')
    writeFileSync(join(folder, 'page'), 'second')
    expect(await cli.ok('exec', 'sees', 'cat', '/data/page')).toBe('second')
    expect(await cli.ok('exec', 'sees', 'ls', '/data')).toBe('page\n')
    await cli.ok('rm', '-f', 'sees')
  })

  it('-v makes a missing directory of the host, --mount does not', async () => {
    await sh(['-v', `${cli.folder}/made:/data`], 'true')
    const error = await cli.fails(['run', '--mount', `type=bind,src=${cli.folder}/unmade,dst=/data`, 'vol', 'true'])
    expect(error).toMatchObject({ code: 'MOUNT_SOURCE_MISSING', status: 125 })
    expect(await cli.ok('ps', '-aq')).toBe('')
  })

  it('is kept while a container uses it, also a stopped one', async () => {
    await cli.ok('create', '--name', 'user', '-v', 'used:/data', 'vol')
    const error = await cli.fails(['volume', 'rm', 'used'])
    expect(error).toMatchObject({ code: 'VOLUME_IN_USE', status: 1 })
    expect(error.hint).toContain('tsbuild rm')
    await cli.ok('rm', '-v', 'user')
    expect(await volumes()).toContain('used')
    await cli.ok('volume', 'rm', 'used')
  })

  it('anonymous ones go with rm -v and --rm, and stay with rm', async () => {
    const before = await volumes()
    await sh([], 'ls /data')
    expect(await volumes()).toEqual(before)
    await cli.ok('create', '--name', 'anon', 'vol')
    await cli.ok('rm', 'anon')
    expect(await volumes()).toHaveLength(before.length + 1)
    await cli.ok('create', '--name', 'anon', 'vol')
    await cli.ok('rm', '-v', 'anon')
    expect(await volumes()).toHaveLength(before.length + 1)
    expect(await cli.ok('volume', 'prune', '-f')).toMatch(/^Deleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: /)
    expect(await volumes()).toEqual(before)
  })

  it('labels, filters, and the options of mount', async () => {
    await cli.ok('volume', 'create', '--label', 'a=b', 'labelled')
    await cli.ok(
      'volume',
      'create',
      '-o',
      'type=none',
      '-o',
      'o=bind',
      '-o',
      `device=${cli.files('dev', { f: 'x' })}`,
      'bound',
    )
    expect(await cli.ok('volume', 'ls', '-q', '-f', 'label=a=b')).toBe('labelled\n')
    expect(await sh(['-v', 'bound:/m'], 'cat /m/f')).toBe('x')
    expect(await cli.fails(['volume', 'create', '-o', 'color=red', 'x'])).toMatchObject({ code: 'VOLUME_INVALID' })
    await cli.ok('volume', 'rm', 'labelled', 'bound')
  })

  it('a tmpfs is one for all containers that use it, and as big as it was made', async () => {
    const options = ['type=tmpfs', 'device=tmpfs', 'o=size=1m,uid=1000'].flatMap((option) => ['-o', option])
    await cli.ok('volume', 'create', ...options, 'fast')
    await cli.ok('run', '-d', '--name', 'first', '-v', 'fast:/x', 'vol', 'sleep', '1000')
    await cli.ok('exec', 'first', 'sh', '-c', 'mkdir /x/d; echo shared > /x/d/f')
    expect(await sh(['-v', 'fast:/y:ro'], 'cat /y/d/f; touch /y/g 2>&1 | grep -c Read-only')).toBe('shared\n1\n')
    const subpath = '--mount=type=volume,src=fast,dst=/y,volume-subpath=d'
    expect(await sh([subpath], 'ls /y; echo more > /y/g; df -k /y | awk "NR==2{print \\$2}"')).toBe('f\n1024\n')
    expect(await cli.ok('exec', 'first', 'sh', '-c', 'cat /x/d/g; stat -c %u /x')).toBe('more\n1000\n')
    // It is mounted at its place alone: who joins the container sees the container's root.
    expect(await cli.ok('exec', 'first', 'grep', '-c', ' / / ', '/proc/self/mountinfo')).toBe('1\n')
    await cli.ok('run', '-d', '--name', 'part', subpath, 'vol', 'sleep', '1000')
    expect(await cli.ok('exec', 'part', 'ls', '/y')).toBe('f\ng\n')
    await cli.ok('rm', '-f', 'part')
    await cli.ok('rm', '-f', 'first')
    expect(await sh(['-v', 'fast:/y'], 'ls /y')).toBe('')
    await cli.ok('volume', 'rm', 'fast')
  })

  it('a volume that is a directory of the host gets the content of the image too', async () => {
    const device = cli.files('empty', {})
    const options = ['type=none', 'o=bind', `device=${device}`].flatMap((option) => ['-o', option])
    await cli.ok('volume', 'create', ...options, 'hosted')
    expect(await sh(['-v', 'hosted:/data'], 'ls /data')).toBe('one\nsub\n')
    expect(readFileSync(join(device, 'one'), 'utf8')).toBe('one\n')
    await cli.ok('volume', 'rm', 'hosted')
  })

  it.for([
    [['volume', 'ls', '-f', 'dangling=maybe'], 'USAGE', "invalid filter 'dangling=[maybe]'"],
    [['volume', 'ls', '-f', 'bad=1'], 'USAGE', "invalid filter 'bad'"],
    [['network', 'ls', '-f', 'bad=1'], 'USAGE', "invalid filter 'bad'"],
    [
      ['volume', 'create', 'x'],
      'VOLUME_INVALID',
      'create x: volume name is too short, names should be at least two alphanumeric characters',
    ],
  ] as const)('%j is refused', async ([args, code, message]) => {
    expect(await cli.fails(args)).toMatchObject({ code, message })
  })

  it('--volumes-from takes over what another container has', async () => {
    await cli.ok('create', '--name', 'giver', '-v', 'given:/data', '-v', `${cli.folder}:/host:ro`, 'vol')
    expect(
      await sh(['--volumes-from', 'giver:ro'], 'ls -d /host; cat /data/one; touch /data/x 2>&1 | grep -c Read-only'),
    ).toBe('/host\none\n1\n')
    await cli.ok('rm', '-v', 'giver')
    await cli.ok('volume', 'rm', 'given')
  })
})

describe('cp', () => {
  beforeAll(() => cli.ok('create', '--name', 'box', 'vol'))
  afterAll(() => cli.ok('rm', '-v', 'box'))

  it.for([
    ['file into directory', 'src/f', 'box:/tmp', 'box:/tmp/f', 'f'],
    ['file under another name', 'src/f', 'box:/tmp/g', 'box:/tmp/g', 'f'],
    ['directory into directory', 'src', 'box:/tmp', 'box:/tmp/src/f', 'f'],
    ['content of a directory', 'src/.', 'box:/tmp', 'box:/tmp/d/e', 'e'],
    ['directory that does not exist yet', 'src', 'box:/tmp/new', 'box:/tmp/new/f', 'f'],
  ] as const)('%s', async ([, from, to, there, content]) => {
    const folder = cli.files('cp', { 'src/f': 'f', 'src/d/e': 'e' })
    expect(await cli.run(['cp', from, to], { cwd: folder })).toMatchObject({ status: 0, stdout: '' })
    const back = join(cli.files('back', {}), 'x')
    await cli.ok('cp', there, back)
    expect(readFileSync(back, 'utf8')).toBe(content)
  })

  it('reaches volumes, running or not', async () => {
    const back = join(cli.files('back', {}), 'one')
    await cli.ok('cp', 'box:/data/one', back)
    expect(readFileSync(back, 'utf8')).toBe('one\n')
    for (const path of ['./data/sub/two', '/tmp/../data/sub/two', '//data//sub/./two']) {
      await cli.ok('cp', `box:${path}`, back)
      expect(readFileSync(back, 'utf8')).toBe('two\n')
    }
    await cli.ok('cp', 'box:/data/.', join(cli.files('all', {}), 'copy'))
    expect(readFileSync(join(cli.folder, 'all/copy/sub/two'), 'utf8')).toBe('two\n')
    await cli.ok('cp', 'box:/data/one', back)
    await cli.ok('run', '-d', '--name', 'live', '-v', 'live:/data', 'vol', 'sleep', '1000')
    await cli.ok('cp', back, 'live:/data/copied')
    expect(await cli.ok('exec', 'live', 'cat', '/data/copied')).toBe('one\n')
    await cli.ok('cp', 'live:/data/copied', 'box:/tmp/over')
    await cli.ok('cp', 'box:/tmp/over', back)
    await cli.ok('rm', '-fv', 'live')
    await cli.ok('volume', 'rm', 'live')
  })

  it('owners stay on the way in, and go on the way out unless asked for', async () => {
    const folder = cli.files('cp', { 'src/f': 'f' })
    chownSync(join(folder, 'src/f'), 33, 34)
    await cli.run(['cp', 'src/f', 'box:/tmp/owned'], { cwd: folder })
    const ids = (name: string): readonly number[] => [
      statSync(join(folder, name)).uid,
      statSync(join(folder, name)).gid,
    ]
    await cli.ok('cp', 'box:/tmp/owned', join(folder, 'mine'))
    await cli.ok('cp', '-a', 'box:/tmp/owned', join(folder, 'theirs'))
    expect([ids('mine'), ids('theirs')]).toEqual([
      [process.getuid!(), process.getgid!()],
      [33, 34],
    ])
  })

  it('through a link to where nothing is, the copy is made there', async () => {
    const folder = cli.files('cp', { f: 'f' })
    symlinkSync('/tmp/nowhere', join(folder, 'dangling'))
    expect((await cli.run(['cp', 'dangling', 'box:/tmp/dangling'], { cwd: folder })).status).toBe(0)
    expect((await cli.run(['cp', 'f', 'box:/tmp/dangling'], { cwd: folder })).status).toBe(0)
    await cli.ok('cp', 'box:/tmp/nowhere', join(folder, 'back'))
    expect(readFileSync(join(folder, 'back'), 'utf8')).toBe('f')
  })

  it('an archive names what it holds as docker does', async () => {
    const folder = cli.files('cp', { 'named/f': 'f', 'named/d/e': 'e' })
    symlinkSync('f', join(folder, 'named/link'))
    await cli.run(['cp', 'named', 'box:/tmp'], { cwd: folder })
    const names = async (...args: readonly string[]): Promise<readonly string[]> => {
      writeFileSync(join(folder, 'archive'), await cli.ok('cp', ...args, '-'), 'latin1')
      return execFileSync('tar', ['tf', join(folder, 'archive')], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .toSorted()
    }
    expect(await names('box:/tmp/named')).toEqual(['named/', 'named/d/', 'named/d/e', 'named/f', 'named/link'])
    expect(await names('box:/tmp/named/.')).toEqual(expect.arrayContaining(['d/', 'd/e', 'f', 'link']))
    expect(await names('box:/tmp/named/link')).toEqual(['link'])
    expect(await names('-L', 'box:/tmp/named/link')).toEqual(['f'])
  })

  it('a link in the container never leads to the host', async () => {
    const secret = join(cli.files('host', { secret: 'host' }), 'secret')
    await cli.ok(
      'run',
      '--name',
      'evil',
      'vol',
      'sh',
      '-c',
      `mkdir -p ${cli.folder}/host; echo mine > ${secret}; ln -s ${secret} /link; ln -s ${cli.folder}/host /dir`,
    )
    const back = join(cli.files('back', {}), 'stolen')
    await cli.ok('cp', '-L', 'evil:/link', back)
    expect(readFileSync(back, 'utf8')).toBe('mine\n')
    await cli.ok('cp', back, 'evil:/dir/planted')
    expect(await cli.ok('diff', 'evil')).toContain(`A ${cli.folder}/host/planted`)
    mkdirSync(join(cli.folder, 'empty'), { recursive: true })
    await cli.ok('rm', 'evil')
  })

  it.for([
    [['cp', 'box:/nothing', '.'], 'PATH_MISSING'],
    [['cp', '/etc/passwd', 'box:/no/such/'], 'PATH_MISSING'],
    [['cp', '/etc', 'box:/data/one'], 'NOT_A_DIRECTORY'],
    [['cp', '/etc/passwd', '/tmp/x'], 'USAGE'],
    [['cp', 'nobody:/x', '.'], 'CONTAINER_NOT_FOUND'],
    [['cp', '/etc/passwd/', 'box:/tmp'], 'NOT_A_DIRECTORY'],
    [['cp', '/etc/passwd/.', 'box:/tmp'], 'NOT_A_DIRECTORY'],
    [['cp', 'box:/data/one/', '.'], 'NOT_A_DIRECTORY'],
  ] as const)('%j', async ([args, code]) => {
    expect(await cli.fails(args)).toMatchObject({ code })
  })
})

describe('networks', () => {
  beforeAll(async () => {
    await cli.ok('network', 'create', 'lab')
    await cli.ok(
      'run',
      '-d',
      '--name',
      'web',
      '--network',
      'lab',
      '--network-alias',
      'www',
      image,
      'sh',
      '-c',
      'mkdir /w; echo hello > /w/index.html; exec httpd -f -p 80 -h /w',
    )
    await cli.ok('exec', 'web', 'sh', '-c', 'until wget -qO /dev/null http://127.0.0.1; do sleep 0.1; done')
  })
  afterAll(async () => {
    await cli.ok('rm', '-f', 'web')
    await cli.ok('network', 'rm', 'lab')
  })

  it.for(['web', 'www'])('%s is found by name', async (name) => {
    expect(await cli.ok('run', '--rm', '--network', 'lab', image, 'wget', '-qO-', `http://${name}`)).toBe('hello\n')
  })

  it('another network does not reach it', async () => {
    const address = await inspected(cli, 'web', '{{.NetworkSettings.Networks.lab.IPAddress}}')
    const { status } = await cli.run(['run', '--rm', image, 'wget', '-T', '1', '-qO-', `http://${address}`])
    expect(status).not.toBe(0)
  })

  it('connect and disconnect work on a running container', async () => {
    await cli.ok('run', '-d', '--name', 'guest', image, 'sleep', '1000')
    await cli.ok('network', 'connect', '--alias', 'visitor', 'lab', 'guest')
    expect(await cli.ok('exec', 'guest', 'wget', '-qO-', 'http://web')).toBe('hello\n')
    expect(await cli.ok('exec', 'web', 'ping', '-c1', 'visitor')).toContain('1 packets received')
    expect(await cli.ok('network', 'inspect', '-f', '{{len .Containers}}', 'lab')).toBe('2\n')
    expect(await cli.fails(['network', 'connect', 'lab', 'guest'])).toMatchObject({ code: 'CONTAINER_CONFLICT' })
    await cli.ok('network', 'disconnect', 'lab', 'guest')
    expect((await cli.run(['exec', 'guest', 'wget', '-T', '1', '-qO-', 'http://web'])).status).not.toBe(0)
    await cli.ok('rm', '-f', 'guest')
  })

  it('is kept while somebody runs in it', async () => {
    expect(await cli.fails(['network', 'rm', 'lab'])).toMatchObject({ code: 'NETWORK_IN_USE', status: 1 })
    expect(await cli.fails(['network', 'rm', 'bridge'])).toMatchObject({ code: 'NETWORK_INVALID' })
    expect(await cli.fails(['run', '--network', 'nope', image, 'true'])).toMatchObject({
      code: 'NETWORK_NOT_FOUND',
      status: 125,
    })
  })

  it('an address of one’s own, once', async () => {
    await cli.ok('network', 'create', '--subnet', '10.213.0.0/24', 'fixed')
    await cli.ok('run', '-d', '--name', 'has', '--network', 'fixed', '--ip', '10.213.0.77', image, 'sleep', '1000')
    expect(await cli.ok('exec', 'has', 'ip', '-4', 'addr', 'show', 'eth0')).toContain('10.213.0.77/24')
    const error = await cli.fails(['run', '--network', 'fixed', '--ip', '10.213.0.77', image, 'true'])
    expect(error).toMatchObject({ code: 'ADDRESS_TAKEN', status: 125 })
    expect(await cli.fails(['run', '--network', 'fixed', '--ip', '10.9.9.9', image, 'true'])).toMatchObject({
      code: 'USAGE',
    })
    await cli.ok('rm', '-f', 'has')
    await cli.ok('network', 'rm', 'fixed')
  })

  it('shares the network of another container, or of the host, or none', async () => {
    const inside = (network: string, script: string): Promise<string> =>
      cli.ok('run', '--rm', '--network', network, image, 'sh', '-c', script)
    expect(await inside('container:web', 'wget -qO- http://127.0.0.1')).toBe('hello\n')
    expect(await inside('none', 'ls /sys/class/net')).toBe('lo\n')
    const host = readFileSync('/proc/sys/kernel/hostname', 'utf8')
    expect(await inside('host', 'hostname')).toBe(host)
  })

  it('publishes ports: chosen, random, on one address, and says who holds one', async () => {
    const port = await freePort()
    const flags = ['-p', `127.0.0.1:${port}:80`, '-p', '80']
    await cli.ok(
      'run',
      '-d',
      '--name',
      'pub',
      ...flags,
      image,
      'sh',
      '-c',
      'echo pub > index.html; exec httpd -f -p 80',
    )
    const lines = (await cli.ok('port', 'pub')).trimEnd().split('\n')
    expect(lines[0]).toBe(`80/tcp -> 127.0.0.1:${port}`)
    const random = Number(/0\.0\.0\.0:(\d+)$/.exec(lines[1] ?? '')?.[1])
    for (const at of [port, random]) {
      await until(`port ${at} answers`, () =>
        fetch(`http://127.0.0.1:${at}/`).then(
          (answer) => answer.ok,
          () => false,
        ),
      )
    }
    const error = await cli.fails(['run', '--rm', '-p', `127.0.0.1:${port}:80`, image, 'true'])
    expect(error).toMatchObject({ code: 'PORT_TAKEN', status: 125 })
    expect(error.message).toContain(String(port))
    expect(error.message).toContain('pub')
    await cli.ok('rm', '-f', 'pub')
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })
})
