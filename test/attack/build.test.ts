import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import { tar } from '../helpers/tar.ts'
import { standIns, type Cli, type CliResult } from '../helpers/tsbuild.ts'
import { expectUntouched, makeHost, openWay, ways } from './ways.ts'

/* One test per known way out of a build, with and without root. Each succeeds against a builder without the defence that its comment names. */

const image = 'debian:bookworm'

describe.for(ways)('as %s', (way) => {
  let cli: Cli
  let host: string
  /** The context. */
  let folder: string
  beforeAll(async () => {
    await using hub = await startRegistry({ seed: standIns })
    cli = openWay(way, { hub: hub.origin })
    host = makeHost(cli.folder)
    await cli.ok('pull', '-q', image)
  })
  afterAll(() => cli[Symbol.asyncDispose]())
  beforeEach(() => {
    folder = cli.files('context', {})
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
    expectUntouched(host)
  })

  const request = (dockerfile: string, more: readonly string[] = []): string[] => {
    writeFileSync(join(folder, 'Dockerfile'), dockerfile)
    return ['build', '-t', 'out', '--progress', 'plain', '--network', 'none', ...more, folder]
  }
  const build = (dockerfile: string, more?: readonly string[]): Promise<CliResult> => cli.run(request(dockerfile, more))
  const inside = (...command: string[]): Promise<string> =>
    cli.ok('run', '--rm', '--network', 'none', 'out', ...command)

  describe('mounts of RUN', () => {
    // Defence: the source of a mount is resolved inside the tree of its stage (openat2, RESOLVE_IN_ROOT).
    it('CVE-2024-1753: a source that is a link to the host shows nothing of it', async () => {
      const dockerfile = `FROM ${image} AS evil\nRUN ln -s ${host} /link\nFROM ${image}\nRUN --mount=type=bind,from=evil,source=/link,target=/m cat /m/secret\n`
      const { status, stdout, stderr } = await build(dockerfile)
      expect(status).toBe(1)
      expect(stdout + stderr).not.toContain('of the host')
    })

    // Defence: mount points are made by names inside the root, one after the other.
    it.for(['/link/made', '/up/made'])('CVE-2024-23651: the place %s is made inside the root', async (target) => {
      const up = `../../../../../../../..${host}`
      const dockerfile = `FROM ${image}\nRUN ln -s ${host} /link && ln -s ${up} /up\nRUN --mount=type=tmpfs,target=${target} touch ${target}/inside\n`
      expect(await build(dockerfile)).toMatchObject({ status: 0 })
      expect(existsSync(join(host, 'made'))).toBe(false)
    })

    // Defence: what was made to mount upon is taken away by descriptor of the directory it was made in, not by its path.
    it('CVE-2024-23652: what is taken away after a step is what was made before it', async () => {
      const point = join(host, 'point')
      writeFileSync(point, '')
      chmodSync(point, 0o666)
      try {
        const swap = `mv /made /moved && ln -s ${host} /made`
        const dockerfile = `FROM ${image}\nRUN --mount=type=bind,from=${image},source=/etc/passwd,target=/made/point ${swap}\n`
        expect(await build(dockerfile)).toMatchObject({ status: 0 })
        expect(existsSync(point)).toBe(true)
      } finally {
        rmSync(point, { force: true })
      }
    })

    // Defence: the directory of a cache is named by us; the id is only looked up.
    it.for(['../../../../escape', '/etc', 'a/../../b', '..'])(
      'CVE-2024-9675: the cache id %s names no path',
      async (id) => {
        const marker = `marker-${id.replaceAll(/\W/g, '_')}`
        const dockerfile = `FROM ${image}\nRUN --mount=type=cache,id=${id},target=/c touch /c/${marker}\n`
        expect(await build(dockerfile)).toMatchObject({ status: 0 })
        const found = execFileSync('find', [cli.root, '-name', marker], { encoding: 'utf8' }).trim().split('\n')
        expect(found).toHaveLength(1)
        expect(found[0]).toMatch(new RegExp(`^${cli.root}/caches/[^/]+/data/${marker}$`))
        expect(existsSync(`/etc/${marker}`)).toBe(false)
      },
    )

    // Defence: entitlements are asked for on the command line, not by the Dockerfile.
    it('CVE-2024-23653: no step gets rights that nobody allowed', async () => {
      expect(await cli.fails(request(`FROM ${image}\nRUN --security=insecure true\n`))).toMatchObject({
        message: expect.stringContaining('security.insecure') as string,
      })
    })
  })

  describe('files of a build', () => {
    // Defence: COPY and ADD read and write with every path inside its tree.
    it.for([
      ['a link of the context', 'COPY link/secret /got'],
      ['a link of the context itself', 'COPY file-link /got'],
      ['a path above the context', 'COPY ../../../../../../../..$HOST/secret /got'],
    ])('%s brings nothing of the host', async ([, line]) => {
      symlinkSync(host, join(folder, 'link'))
      symlinkSync(join(host, 'secret'), join(folder, 'file-link'))
      expect(await cli.fails(request(`FROM ${image}\n${line!.replace('$HOST', host)}\n`))).toMatchObject({
        code: 'SOURCE_MISSING',
      })
    })

    // Defence: what lies in a context and is read before the build is a file of the context (readText).
    it('a Dockerfile that is a link to the host is not read, nor shown by its mistakes', async () => {
      symlinkSync(join(host, 'secret'), join(folder, 'Dockerfile'))
      const { status, stderr } = await cli.run(['build', folder])
      expect(status).toBe(1)
      expect(stderr).toContain('it is a link that leads out of the build context')
      expect(stderr).not.toContain('of the host')
    })

    it('an ignore file that is a link to the host is none', async () => {
      const list = join(cli.folder, 'list')
      writeFileSync(list, 'kept\n[secret-of-the-host\n')
      writeFileSync(join(folder, 'kept'), 'x')
      symlinkSync(list, join(folder, '.dockerignore'))
      expect(await build(`FROM ${image}\nCOPY kept /\n`)).toMatchObject({ status: 0 })
      rmSync(list)
    })

    it.for(['Dockerfile', '.dockerignore'])('a FIFO as %s hangs no build', async (name) => {
      writeFileSync(join(folder, 'Dockerfile'), `FROM ${image}\n`)
      rmSync(join(folder, name), { force: true })
      execFileSync('mkfifo', [join(folder, name)])
      const { status, stderr } = await cli.run(['build', folder])
      expect(status).toBe(1)
      expect(stderr).toContain('it is not a file')
    })

    it('CVE-2018-15664: a link of another stage leads nowhere outside', async () => {
      const dockerfile = `FROM ${image} AS evil\nRUN ln -s ${host} /link\nFROM ${image}\nCOPY --from=evil /link/secret /got\n`
      expect(await cli.fails(request(dockerfile))).toMatchObject({ code: 'SOURCE_MISSING' })
    })

    it.for([
      ['COPY file /link/planted', 'planted'],
      ['WORKDIR /link/made\nCOPY file .', 'made/file'],
      ['ADD evil.tar /link/', 'planted'],
    ])('CVE-2018-15664: %s makes inside what a link names outside', async ([line, name]) => {
      writeFileSync(join(folder, 'file'), 'x')
      writeFileSync(join(folder, 'evil.tar'), tar({ name: 'planted', data: 'x' }))
      expect(await build(`FROM ${image}\nRUN ln -s ${host} /link\n${line}\n`)).toMatchObject({ status: 0 })
      expect(await inside('cat', `/link/${name}`)).toBe('x')
    })

    it('an archive of ADD cannot climb out of its place', async () => {
      mkdirSync(join(folder, 'd'))
      const up = `../../../../../../../..${host}/planted`
      writeFileSync(join(folder, 'd/evil.tar'), tar({ name: up, data: 'x' }))
      expect(await build(`FROM ${image}\nADD d/evil.tar /\n`)).toMatchObject({ status: 1 })
    })
  })

  describe('secrets', () => {
    // Defence: a secret is a file in memory that is mounted, masked in what a step says, and named, not contained, in keys and records.
    it.for(['file', 'environment'])('from %s are in no layer, log, history, record or cache key', async (from) => {
      const word = `Tr0ub4dor-and-3-${from}`
      const file = join(cli.folder, 'password')
      writeFileSync(file, word)
      chmodSync(file, 0o644)
      const script = 'cat /run/secrets/key; echo "<$(cat /run/secrets/key)>"; env; wc -c < /run/secrets/key > /size'
      const dockerfile = `FROM ${image}\nRUN --mount=type=secret,id=key${from === 'file' ? '' : ',env=KEY'},target=/run/secrets/key ${script}\n`
      const metadata = join(cli.folder, 'metadata.json')
      const said: CliResult[] = []
      try {
        const secret = from === 'file' ? `id=key,src=${file}` : 'id=key,env=TSBUILD_TEST_WORD'
        const env = from === 'file' ? {} : { TSBUILD_TEST_WORD: word }
        for (const progress of ['plain', 'rawjson']) {
          const args = request(dockerfile, ['--secret', secret, '--no-cache', '--metadata-file', metadata, '--explain'])
          said.push(await cli.run(args.with(args.indexOf('plain'), progress), { env }))
        }
        said.push(await cli.run(request(dockerfile.replace('wc -c', 'false; exit 3 #'), ['--secret', secret]), { env }))
      } finally {
        rmSync(file, { force: true })
      }
      expect(said.map(({ status }) => status)).toEqual([0, 0, 1])
      for (const words of [
        ['history', '--no-trunc', 'out'],
        ['inspect', 'out'],
        ['builds', 'ls'],
      ])
        said.push(await cli.run(words))
      const all = said.map(({ stdout, stderr }) => stdout + stderr).join('\n')
      expect(all).toContain('<')
      expect(all).not.toContain(word)
      expect(all).not.toContain(Buffer.from(word).toString('base64').slice(0, -4))
      expect(execFileSync('sh', ['-c', 'grep -rlaF "$0" "$@" || true', word, cli.folder], { encoding: 'utf8' })).toBe(
        '',
      )
      expect(readdirSync(cli.folder)).toContain('metadata.json')
      rmSync(metadata)
    })
  })
})
