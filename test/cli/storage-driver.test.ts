import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry, type Registry } from '../helpers/registry.ts'
import { openCli, standIns, type Cli, type CliSetup } from '../helpers/tsbuild.ts'
import { hasSubIdTools, noUsers, openUnprivilegedCli } from '../helpers/unprivileged.ts'

const image = 'debian:bookworm'
let hub: Registry
beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
})
afterAll(() => hub[Symbol.asyncDispose]())

/** Every way in which a step may change a tree, so far as the drivers could tell them apart. */
const changes = [
  'mkdir -p /b/sub/deep /b/empty /b/many/x && cd /b && echo a > a && echo b > b && ln a link && ln -s a symlink && mkfifo fifo && echo c > c && cp c many/x/c && touch many/1 many/2',
  'mkdir -p /d/sub/deep && echo a > /d/a && echo b > /d/b && ln /d/a /d/link && ln -s a /d/symlink',
  'rm -r /b/sub && mkdir /b/sub && touch /b/sub/new && rmdir /b/empty && mkdir /b/empty', // opaque
  'rm /d/b && rm -r /d/sub && rm /b/symlink', // deleted
  'rm /d/symlink && mkdir /d/symlink && rm -r /b/sub && echo file > /b/sub', // of another kind
  'chmod 600 /b/b && chown 5:6 /b/c && chmod 711 /b/many && touch -d @5 /b/time /b/many/1', // metadata alone
  'chmod 644 /b/many/2 && chown -R 0:0 /b/many && echo x > /b/x && rm /b/x', // nothing at all
  'mv /b/b /b/moved && mv /b/many /many && ln /b/c /b/another && mv /b/fifo /fifo', // under other names
  'sed -i s/c/toor/ /b/another && echo more >> /b/c && dd if=/dev/zero of=/sparse bs=1 seek=1000000 count=1 2> /dev/null',
  'chmod 750 / && rm -rf /d && mkdir /d && echo over > /d/.wh.gone',
]
const dockerfile = [
  `FROM ${image} AS other`,
  'RUN --network=none mkdir -p /from/inner && echo x > /from/inner/x && ln /from/inner/x /from/y',
  `FROM ${image}`,
  ...changes.map((change) => `RUN --network=none ${change}`),
  'COPY one two /new/',
  'COPY --from=other /from /d/from',
  'RUN --network=none --mount=type=bind,from=other,source=/from,target=/mnt cp /mnt/y /y && ! touch /mnt/z 2> /dev/null',
  'RUN --network=none --mount=type=bind,from=other,source=/from,target=/mnt,rw touch /mnt/z && ls /mnt > /listed',
  'ADD archive.tar /',
  'WORKDIR /made/by/workdir',
  'RUN --network=none rm -r /new',
].join('\n')

const layersOf = async (cli: Cli, name: string): Promise<unknown> =>
  JSON.parse(await cli.ok('image', 'inspect', name, '--format', '{{json .RootFS.Layers}}')) as unknown

const ways = ['root', ...(noUsers === false ? ['a single id', ...(hasSubIdTools ? ['sub-ids'] : [])] : [])]

function open(way: string, driver: string): Cli {
  const setup: CliSetup = { hub: hub.origin, env: { TSBUILD_STORAGE_DRIVER: driver } }
  return way === 'root' ? openCli(setup) : openUnprivilegedCli({ hasSubIds: way === 'sub-ids' }, setup)
}

async function build(cli: Cli, text: string): Promise<unknown> {
  const context = cli.files('context', { Dockerfile: text, one: '1', two: '2', 'archive/in': 'archived' })
  execFileSync('tar', [
    '--mtime=@7',
    '--owner=0',
    '--group=0',
    '-C',
    join(context, 'archive'),
    '-cf',
    join(context, 'archive.tar'),
    'in',
  ])
  const output = 'type=image,name=made,rewrite-timestamp=true'
  await cli.ok('build', '--build-arg', 'SOURCE_DATE_EPOCH=1700000000', '--output', output, context)
  return layersOf(cli, 'made')
}

describe.for(ways)('as %s, the copy driver', (way) => {
  // A single id cannot own a file to others.
  const text = way === 'a single id' ? dockerfile.replace('chown 5:6 /b/c', 'chmod 611 /b/c') : dockerfile

  it('gives a build the same layers as overlay', { timeout: 600_000 }, async () => {
    await using copy = open(way, 'copy')
    await using overlay = open(way, 'overlay')
    const made = await build(copy, text)
    expect(made).toEqual(await build(overlay, text))
    expect(await copy.ok('run', '--rm', '--network', 'none', 'made', 'cat', '/in', '/listed')).toBe(
      'archivedinner\ny\nz\n',
    )
    // What was made for the steps is gone, and the layers are those of any driver.
    const directories = readdirSync(join(copy.root, 'snapshots'))
    for (const id of directories) expect(readdirSync(join(copy.root, 'snapshots', id))).not.toContain('tree')
    // Not the numbers of links: a view of the copy driver has more of them.
    const find = `find /d /b /many /etc -xdev ! -path /etc ! -path '/etc/*host*' ! -path '*resolv*' -exec stat -c '%n %a %u:%g %s %Y' {} ';' | sort`
    const listing = ['run', '--rm', '--network', 'none', 'made', 'sh', '-c', find]
    const { stdout } = await copy.run(listing, { env: { TSBUILD_STORAGE_DRIVER: 'overlay' } })
    expect(stdout).toBe(await copy.ok(...listing))
  })

  it('has containers that change, are looked at, kept and taken up again', { timeout: 600_000 }, async () => {
    const seen: unknown[] = []
    for (const driver of ['copy', 'overlay']) {
      await using cli = open(way, driver)
      seen.push(await lifeOfContainer(cli))
    }
    expect(seen[0]).toEqual(seen[1])
  })
})

async function lifeOfContainer(cli: Cli): Promise<unknown> {
  const seen: string[] = []
  const see = async (...args: readonly string[]): Promise<unknown> => seen.push(await cli.ok(...args))
  const file = join(cli.files('given', { file: 'given' }), 'file')
  await cli.ok('create', '--name', 'box', '--network', 'none', image, 'sh', '-c', 'cat /root/file; exec sleep 1000')
  await cli.ok('cp', file, 'box:/root/')
  await see('diff', 'box')
  await cli.ok('start', 'box')
  await cli.ok('exec', 'box', 'sh', '-c', 'echo said > /said && rm /etc/passwd && mkdir -p /srv/x && chmod 700 /usr')
  await see('diff', 'box')
  await cli.ok('cp', file, 'box:/srv/x/')
  await cli.ok('cp', 'box:/srv/x/file', join(cli.folder, 'back'))
  seen.push(readFileSync(join(cli.folder, 'back'), 'utf8'))
  await cli.ok('commit', 'box', 'kept')
  await cli.ok('stop', '-t', '0', 'box')
  await cli.ok('start', 'box')
  await see('exec', 'box', 'cat', '/said', '/srv/x/file')
  await cli.ok('exec', 'box', 'rm', '/said')
  await see('diff', 'box')
  await cli.ok('rm', '-f', 'box')
  const script = 'cat /said /srv/x/file; stat -c %a /usr; ls /etc/passwd 2> /dev/null || echo gone'
  await see('run', '--rm', '--network', 'none', 'kept', 'sh', '-c', script)
  await cli.ok('rmi', '-f', 'kept', image)
  await cli.ok('system', 'prune', '-af')
  return { seen, left: readdirSync(join(cli.root, 'snapshots')) }
}

describe('the storage driver', () => {
  it('is told by info, and can be named by flag, variable and file', async () => {
    await using cli = openCli()
    const driver = async (...args: readonly string[]): Promise<string> =>
      await cli.ok(...args, 'info', '--format', '{{.Driver}}')
    expect(await driver('--storage-driver', 'copy')).toBe('copy\n')
    expect(await driver('--storage-driver=vfs')).toBe('copy\n')
    expect(await driver('--storage-driver', 'overlay2')).toBe('overlay\n')
    writeFileSync(cli.environment['TSBUILD_CONFIG']!, '{"storage-driver": "copy"}')
    expect(await driver()).toBe('copy\n')
    const { stdout } = await cli.run(['info', '--format', '{{.Driver}}'], {
      env: { TSBUILD_STORAGE_DRIVER: 'overlay' },
    })
    expect(stdout).toBe('overlay\n')
    expect(await cli.fails(['--storage-driver', 'btrfs', 'info'])).toMatchObject({
      code: 'SETTINGS_INVALID',
      message: 'Cannot use the storage driver "btrfs": want overlay or copy',
    })
  })

  it('is copy on a file system that overlay cannot write to', async () => {
    await using cli = openCli({ hub: hub.origin })
    const places = ['lower', 'upper', 'work', 'store'].map((name) => join(cli.folder, name))
    for (const place of places) mkdirSync(place)
    const [lower, upper, work] = places
    const mount = `mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper},workdir=${work} ${cli.root} && exec "$@"`
    const inOverlay = { prefix: ['unshare', '-m', 'sh', '-c', mount, 'sh'] }
    const ok = async (...args: readonly string[]): Promise<string> => {
      const { status, stdout, stderr } = await cli.run(args, inOverlay)
      if (status !== 0) throw new Error(stderr)
      return stdout
    }
    expect(await ok('info', '--format', '{{.Driver}}')).toBe('copy\n')
    // Deleted and opaque names cannot be marked as overlay would have it.
    const text = `FROM ${image}\nRUN mkdir -p /d/e && touch /d/a /d/e/b\nRUN rm -r /d/e && mkdir /d/e && rm /d/a\nRUN touch /d/c\n`
    await ok('build', '--network', 'none', '-t', 'made', cli.files('context', { Dockerfile: text }))
    expect(await ok('run', '--rm', '--network', 'none', 'made', 'sh', '-c', 'find /d | sort')).toBe('/d\n/d/c\n/d/e\n')
    expect(await ok('doctor')).toContain('copy driver')
  })
})
