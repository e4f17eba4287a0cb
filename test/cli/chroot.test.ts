import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry, type Registry } from '../helpers/registry.ts'
import { openCli, projectHome, standIns, type Cli, type CliResult } from '../helpers/tsbuild.ts'

const image = 'debian:bookworm'
const kept =
  'chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service sys_chroot kill audit_write'
/** Root of a container or pod without privileges: docker's default capabilities. */
const plain = [
  'setpriv',
  `--bounding-set=-all,${kept
    .split(' ')
    .map((name) => `+${name}`)
    .join(',')}`,
  '--inh-caps=-all',
]
const canDrop = spawnSync(plain[0]!, [...plain.slice(1), 'true']).status === 0
if (!canDrop) console.warn('skipped: capabilities cannot be dropped here')

let hub: Registry
beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
})
afterAll(() => hub[Symbol.asyncDispose]())

describe.skipIf(!canDrop)('root without CAP_SYS_ADMIN', () => {
  let cli: Cli
  beforeAll(() => {
    cli = openCli({ hub: hub.origin, prefix: plain })
  })
  afterAll(() => cli[Symbol.asyncDispose]())

  const output = 'type=image,name=made,rewrite-timestamp=true'
  const build = async (lines: readonly string[], ...flags: readonly string[]): Promise<CliResult> => {
    const context = cli.files('context', { Dockerfile: [`FROM ${image}`, ...lines].join('\n'), file: 'of the context' })
    return cli.run([
      'build',
      '--no-cache',
      '--progress',
      'plain',
      ...flags,
      '--build-arg',
      'SOURCE_DATE_EPOCH=1700000000',
      '--output',
      output,
      context,
    ])
  }
  const layersOf = async (one: Cli): Promise<string> =>
    one.ok('image', 'inspect', 'made', '--format', '{{json .RootFS.Layers}}')

  it('builds by chroot what a build with namespaces makes, and is warned', async () => {
    const lines = [
      'RUN mkdir /d && echo x > /dev/null && touch /d/a',
      'COPY file /d/',
      'WORKDIR /w',
      'RUN rm -r /d && mkdir /d && pwd > /where',
    ]
    const { status, stderr } = await build(lines, '--isolation', 'chroot')
    expect(stderr).toContain('Warning: Isolation by chroot alone')
    expect(stderr).not.toContain('ERROR')
    expect(status).toBe(0)
    await using other = openCli({ hub: hub.origin })
    const context = other.files('context', {
      Dockerfile: [`FROM ${image}`, ...lines].join('\n'),
      file: 'of the context',
    })
    await other.ok(
      'build',
      '--network',
      'none',
      '--build-arg',
      'SOURCE_DATE_EPOCH=1700000000',
      '--output',
      output,
      context,
    )
    expect(await layersOf(cli)).toBe(await layersOf(other))
  })

  it('shows files of the host and secrets for the time of the step, and leaves nothing of them', async () => {
    const secret = join(cli.files('secret', { value: 'hidden' }), 'value')
    const lines = [
      'RUN echo own > /etc/resolv.conf',
      'RUN --mount=type=secret,id=s test "$(cat /run/secrets/s)" = hidden && test -c /dev/null && test -s /etc/hosts && echo seen > /etc/resolv.conf',
      'RUN test ! -e /run/secrets && find / -name ".tsbuild*" > /found',
    ]
    const { status, stderr } = await build(lines, '--isolation=chroot', '--secret', `id=s,src=${secret}`)
    expect(stderr).not.toContain('ERROR')
    expect(status).toBe(0)
    const tar = join(cli.folder, 'files.tar')
    await cli.ok('save', '-o', tar, 'made')
    const listing = spawnSync(
      'sh',
      ['-c', `mkdir x && tar xf ${tar} -C x && cd x && for f in $(find . -type f); do tar tf $f 2> /dev/null; done`],
      { cwd: cli.folder, encoding: 'utf8' },
    ).stdout
    expect(listing).toContain('found')
    expect(listing).not.toMatch(/secrets|tsbuild-saved|dev\/null/)
  })

  it('ends what a step leaves running', async () => {
    const marker = `10${process.pid}`
    expect(
      (await build([`RUN (sleep ${marker} &) ; (setsid sleep ${marker} &) ; true`], '--isolation=chroot')).status,
    ).toBe(0)
    expect(spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout).not.toContain(`sleep ${marker}`)
  })

  it('has empty directories for caches and tmpfs, and leaves nothing of them', async () => {
    const mounts = '--mount=type=cache,target=/c/cache --mount=type=tmpfs,target=/t'
    const lines = [
      'RUN mkdir /t && touch /t/kept',
      `RUN ${mounts} test -z "$(ls -A /c/cache; ls -A /t)" && touch /c/cache/x /t/y && mkdir /t/z`,
      'RUN test ! -e /c && test "$(ls /t)" = kept',
    ]
    const { status, stderr } = await build(lines, '--isolation=chroot')
    expect(stderr).not.toContain('ERROR')
    expect(status).toBe(0)
  })

  it('has copies of what bind mounts show, which hide what is there, and leaves nothing of them', async () => {
    const other = 'type=bind,from=other'
    const lines = [
      'RUN mkdir -p /there/kept /alone && echo own > /alone/f',
      `RUN --mount=${other},source=/from,target=/there test "$(ls /there)" = "$(printf 'a\\nsub')" && test "$(stat -c %u:%a /there/a)" = 5:600 && readlink /there/sub/link > /told`,
      `RUN --mount=${other},source=/from/a,target=/alone/f,rw cat /alone/f >> /told && echo changed > /alone/f`,
      'RUN --mount=target=/c cat /c/file >> /told && touch /c/new',
      'RUN test "$(ls /there)" = kept && test "$(cat /alone/f)" = own && test ! -e /c && test "$(cat /told)" = "$(printf \'../a\\nx\\nof the context\')"',
    ]
    const from =
      'mkdir -p /from/sub && echo x > /from/a && chmod 600 /from/a && chown 5 /from/a && ln -s ../a /from/sub/link'
    const text = [`FROM ${image} AS other`, `RUN ${from}`, `FROM ${image}`, ...lines].join('\n')
    const context = cli.files('bound', { Dockerfile: text, file: 'of the context' })
    const { status, stderr } = await cli.run(['build', '--no-cache', '--isolation=chroot', '-t', 'bound', context])
    expect(stderr).not.toContain('ERROR')
    expect(status).toBe(0)
  })

  it('has no sockets and no networks to give', async () => {
    const socket = join(cli.folder, 'agent')
    const agent = createServer().listen(socket)
    for (const line of ['RUN --mount=type=ssh,target=/c true', 'RUN --network=none true']) {
      const { status, stderr } = await build([line], '--isolation=chroot', '--ssh', `default=${socket}`)
      expect(stderr).toMatch(
        /Cannot (mount anything on "\/c"|have a network other than the host's) with --isolation=chroot/,
      )
      expect(status).toBe(1)
    }
    agent.close()
  })

  it('has no secret left in the store when everything was killed in the middle of a step', async () => {
    const value = randomBytes(24).toString('hex')
    const secret = join(cli.folder, 'value')
    writeFileSync(secret, value)
    const marker = String(100_000 + (process.pid % 100_000))
    const context = cli.files('killed', {
      Dockerfile: `FROM ${image}\nRUN --mount=type=secret,id=s,target=/deep/s sleep ${marker}\n`,
    })
    const args = ['--root', cli.root, 'build', '--isolation=chroot', '--secret', `id=s,src=${secret}`, context]
    const [program = '', ...words] = [...plain, join(projectHome, 'bin/tsbuild'), ...args]
    const building = spawn(program, words, { env: cli.environment, stdio: 'ignore', detached: true })
    const ended = once(building, 'close')
    const holding = (): string => spawnSync('grep', ['-rl', value, cli.root], { encoding: 'utf8' }).stdout
    await expect.poll(holding).not.toBe('')
    process.kill(-building.pid!, 'SIGKILL')
    await ended
    await cli.ok('images')
    expect(holding()).toBe('')
  })

  it('is refused without the flag, and told of it by doctor', async () => {
    expect((await build(['RUN true'])).stderr).toContain('MOUNT_FAILED')
    const { stdout } = await cli.run(['doctor'])
    expect(stdout).toMatch(/limited +privilege: root without CAP_SYS_ADMIN/)
    expect(stdout).toContain('tsbuild build --isolation=chroot')
    expect(await cli.fails(['build', '--isolation', 'jail', cli.folder])).toMatchObject({ code: 'USAGE' })
  })

  it('may be set once for all', async () => {
    const context = cli.files('again', { Dockerfile: `FROM ${image}\nRUN touch /x\n` })
    expect((await cli.run(['build', context], { env: { TSBUILD_ISOLATION: 'chroot' } })).status).toBe(0)
  })
})

/** In a user namespace below which there is no other: what a seccomp filter or the sysctl of a host does to everybody. */
const user = 'setpriv --reuid=54321 --regid=54321 --clear-groups'
const withoutNamespaces = [
  'sh',
  '-c',
  `f=$(mktemp -u) && mkfifo $f
unshare --user sh -c 'read go < $0 && exec "$@"' $f sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && exec ${user} "$@"' sh "$@" & p=$!
until [ "$(readlink /proc/$p/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
echo 0 0 65536 > /proc/$p/uid_map && echo 0 0 65536 > /proc/$p/gid_map
echo go > $f; rm $f; wait $p`,
  'sh',
]
const canMap = canDrop && spawnSync('unshare', ['--user', 'true']).status === 0
if (!canMap) console.warn('skipped: a user namespace cannot be made here')

it.skipIf(!canMap)(
  'an unprivileged user without user namespaces is told that nothing can be built, and what mends it',
  async () => {
    await using cli = openCli({ hub: hub.origin })
    spawnSync('chown', ['-R', '54321:54321', cli.folder])
    const prefix = withoutNamespaces
    const { status, stdout } = await cli.run(['doctor'], { prefix })
    expect(status).toBe(1)
    expect(stdout).toMatch(/broken +privilege: cannot make a user namespace.*not even with --isolation=chroot/)
    expect(stdout).toContain('As root: sysctl -w user.max_user_namespaces=')
    const context = cli.files('context', { Dockerfile: `FROM ${image}\nRUN true\n` })
    const { stderr } = await cli.run(['build', '--isolation=chroot', context], { prefix })
    expect(stderr).toContain('cannot make a user namespace')
    expect(stderr).toContain('without user namespaces only root can build')
    spawnSync('chown', ['-R', '0:0', cli.folder])
  },
)
