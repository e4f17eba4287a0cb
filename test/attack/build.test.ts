import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cannotBuild, openBuilder, type Builder } from '../build/builder.ts'
import { tar } from '../helpers/tar.ts'

/* One test per known way out of a build. Each succeeds against a builder without the defence that its comment names. */

let builder: Builder
/** A directory of the host that no build has anything to do with. */
let host: string
beforeEach(async () => {
  builder = await openBuilder()
  host = mkdtempSync(join(tmpdir(), 'tsbuild-host-'))
  writeFileSync(join(host, 'secret'), 'of the host\n')
})
afterEach(async () => {
  try {
    expect(readdirSync(host)).toEqual(['secret'])
    expect(readFileSync(join(host, 'secret'), 'utf8')).toBe('of the host\n')
    expect(builder.leftovers()).toEqual([])
  } finally {
    await builder[Symbol.asyncDispose]()
    rmSync(host, { recursive: true, force: true })
  }
})

describe.skipIf(cannotBuild)('mounts of RUN', () => {
  // Defence: the source of a mount is resolved inside the tree of its stage (openat2, RESOLVE_IN_ROOT).
  it('CVE-2024-1753: a source that is a link to the host shows nothing of it', async () => {
    const dockerfile = `FROM base AS evil\nRUN ln -s ${host} /link\nFROM base\nRUN --mount=type=bind,from=evil,source=/link,target=/m cat /m/secret\n`
    await expect(builder.build(dockerfile)).rejects.toThrow()
    expect(builder.output()).not.toContain('of the host')
  })

  // Defence: mount points are made by names inside the root, one after the other.
  it.for(['/link/made', '/up/made'])('CVE-2024-23651: the place %s is made inside the root', async (target) => {
    const up = `../../../../../../../..${host}`
    await builder.build(
      `FROM base\nRUN ln -s ${host} /link && ln -s ${up} /up\nRUN --mount=type=tmpfs,target=${target} touch ${target}/inside\n`,
    )
    expect(existsSync(join(host, 'made'))).toBe(false)
  })

  // Defence: what was made to mount upon is taken away by descriptor of the directory it was made in, not by its path.
  it('CVE-2024-23652: what is taken away after a step is what was made before it', async () => {
    writeFileSync(join(host, 'point'), '')
    try {
      const swap = `mv /made /moved && ln -s ${host} /made`
      await builder.build(`FROM base\nRUN --mount=type=bind,from=base,source=/etc/passwd,target=/made/point ${swap}\n`)
      expect(existsSync(join(host, 'point'))).toBe(true)
    } finally {
      rmSync(join(host, 'point'), { force: true })
    }
  })

  // Defence: the directory of a cache is named by us; the id is only looked up.
  it.for(['../../../../escape', '/etc', 'a/../../b', '..'])(
    'CVE-2024-9675: the cache id %s names no path',
    async (id) => {
      await builder.build(`FROM base\nRUN --mount=type=cache,id=${id},target=/c touch /c/marker\n`)
      const found = execFileSync('find', [builder.root, '-name', 'marker'], { encoding: 'utf8' }).trim().split('\n')
      expect(found).toHaveLength(1)
      expect(found[0]).toMatch(new RegExp(`^${builder.root}/caches/[^/]+/data/marker$`))
      expect(existsSync('/etc/marker')).toBe(false)
    },
  )

  // Defence: entitlements are asked for on the command line, not by the Dockerfile.
  it('CVE-2024-23653: no step gets rights that nobody allowed', async () => {
    await expect(builder.build('FROM base\nRUN --security=insecure true\n')).rejects.toMatchObject({
      message: expect.stringContaining('security.insecure') as string,
    })
  })
})

describe.skipIf(cannotBuild)('files of a build', () => {
  // Defence: COPY and ADD read and write with every path inside its tree.
  it.for([
    ['a link of the context', 'COPY link/secret /got'],
    ['a link of the context itself', 'COPY file-link /got'],
    ['a path above the context', 'COPY ../../../../../../../..$HOST/secret /got'],
  ])('%s brings nothing of the host', async ([, line]) => {
    symlinkSync(host, join(builder.folder, 'link'))
    symlinkSync(join(host, 'secret'), join(builder.folder, 'file-link'))
    builder.write({ other: '' })
    await expect(builder.build(`FROM base\n${line!.replace('$HOST', host)}\n`)).rejects.toMatchObject({
      code: 'SOURCE_MISSING',
    })
  })

  it('CVE-2018-15664: a link of another stage leads nowhere outside', async () => {
    const dockerfile = `FROM base AS evil\nRUN ln -s ${host} /link\nFROM base\nCOPY --from=evil /link/secret /got\n`
    await expect(builder.build(dockerfile)).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  it.for([
    ['COPY file /link/planted', 'planted'],
    ['WORKDIR /link/made\nCOPY file .', 'made/file'],
    ['ADD evil.tar /link/', 'planted'],
  ])('CVE-2018-15664: %s makes inside what a link names outside', async ([line, name]) => {
    builder.write({ file: 'x' })
    writeFileSync(join(builder.folder, 'evil.tar'), tar({ name: 'planted', data: 'x' }))
    const result = await builder.build(`FROM base\nRUN ln -s ${host} /link\n${line}\n`)
    await expect(builder.stat(result, `/link/${name}`)).resolves.toMatch(/^\d+ 0:0$/)
  })

  it('an archive of ADD cannot climb out of its place', async () => {
    mkdirSync(join(builder.folder, 'd'))
    const up = `../../../../../../../..${host}/planted`
    writeFileSync(join(builder.folder, 'd/evil.tar'), tar({ name: up, data: 'x' }))
    await expect(builder.build('FROM base\nADD d/evil.tar /\n')).rejects.toThrow()
  })
})

describe.skipIf(cannotBuild)('secrets', () => {
  // Defence: a secret is a file in memory that is mounted, masked in what a step says, and named, not contained, in keys and records.
  it('are in no layer, log, history, record or cache key', async () => {
    const word = 'Tr0ub4dor-and-3-more'
    const path = join(builder.folder, '..', `secret-${process.pid}`)
    writeFileSync(path, word)
    try {
      const script = 'cat /run/secrets/key; echo "<$(cat /run/secrets/key)>"; wc -c < /run/secrets/key > /size'
      const secrets = new Map([['key', { kind: 'file', path } as const]])
      await builder.build(`FROM base\nRUN --mount=type=secret,id=key ${script}\n`, { secrets })
    } finally {
      rmSync(path, { force: true })
    }
    expect(builder.output()).not.toContain(word)
    expect(JSON.stringify(builder.events)).not.toContain(word)
    expect(builder.output()).toContain('<')
    expect(execFileSync('sh', ['-c', 'grep -rlaF "$0" "$1" || true', word, builder.root], { encoding: 'utf8' })).toBe(
      '',
    )
  })
})
