import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planError, planResult, runPlan } from '../helpers/native-plan.ts'
import { readTar, tar } from '../helpers/tar.ts'
import { listTree } from '../helpers/tree-listing.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-pack-'))
  for (const name of ['lower', 'upper', 'work', 'tree']) mkdirSync(join(root, name))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const at = (...names: string[]): string => join(root, ...names)
const sha256 = (data: Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`
const directory = (name: string) => ({ kind: 'dir', path: at(name) })
const layered = () => ({ kind: 'layers', lower: [at('lower')], upper: at('upper'), work: at('work') })

/** Packs and reads the archive back. */
async function pack(tree: object, more: object = {}) {
  const out = at(`out-${randomBytes(4).toString('hex')}.tar`)
  const result = await planResult({ verb: 'pack', tree, out, ...more })
  const archive = readFileSync(out)
  return { result, archive, entries: readTar(archive) }
}

const names = (entries: readonly { name: string }[]): string[] => entries.map(({ name }) => name)

/** Every kind of entry, with times that are fixed. */
function populate(base: string): void {
  const files: [string, string, number][] = [
    ['a.b', '1', 0o644],
    ['a/in', '22', 0o4755],
    ['a0', '', 0o600],
    ['sub/deep/er', 'x'.repeat(3000), 0o640],
    ['n'.repeat(120), 'long', 0o644],
  ]
  mkdirSync(join(base, 'a'))
  mkdirSync(join(base, 'sub/deep'), { recursive: true })
  mkdirSync(join(base, 'empty'))
  chmodSync(join(base, 'empty'), 0o711)
  for (const name of ['a', 'sub', 'sub/deep']) chmodSync(join(base, name), 0o755)
  for (const [name, data, mode] of files) {
    writeFileSync(join(base, name), data)
    chmodSync(join(base, name), mode)
  }
  chownSync(join(base, 'a/in'), 1000, 3_000_000)
  chmodSync(join(base, 'a/in'), 0o4755)
  linkSync(join(base, 'a/in'), join(base, 'sub/hard'))
  symlinkSync('../x'.repeat(30), join(base, 'longlink'))
  symlinkSync('a', join(base, 'link'))
  execFileSync('mkfifo', ['-m', '620', join(base, 'fifo')])
  execFileSync('mknod', ['-m', '666', join(base, 'null'), 'c', '1', '3'])
  writeFileSync(Buffer.concat([Buffer.from(`${base}/`), Buffer.from([0xff, 0xfe])]), 'odd name')
  const visit = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
      const child = Buffer.concat([Buffer.from(`${path}/`), entry.name])
      if (entry.isDirectory()) visit(child.toString())
      lutimesSync(child, 1_500_000_000.75, 1_500_000_000.75)
    }
  }
  visit(base)
}

describe('the archive', () => {
  it('has the documented order, metadata and PAX records', async () => {
    populate(at('tree'))
    const { entries, result, archive } = await pack(directory('tree'))
    expect(names(entries)).toEqual([
      'a.b',
      'a/',
      'a/in',
      'a0',
      'empty/',
      'fifo',
      'link',
      'longlink',
      'n'.repeat(120),
      'null',
      'sub/',
      'sub/deep/',
      'sub/deep/er',
      'sub/hard',
      '\xff\xfe',
    ])
    const by = (name: string) => entries.find((entry) => entry.name === name)
    expect(by('a/in')).toMatchObject({
      type: '0',
      mode: 0o4755,
      uid: 1000,
      gid: 3_000_000,
      mtime: 1_500_000_000,
      pax: { gid: '3000000' },
    })
    expect(by('sub/hard')).toMatchObject({ type: '1', link: 'a/in', mode: 0o4755 })
    expect(by('longlink')).toMatchObject({
      type: '2',
      link: '../x'.repeat(30),
      mode: 0o777,
      pax: { linkpath: '../x'.repeat(30) },
    })
    expect(by('null')).toMatchObject({ type: '3', mode: 0o666, device: '1:3' })
    expect(by('fifo')).toMatchObject({ type: '6', mode: 0o620 })
    expect(by('empty/')).toMatchObject({ type: '5', mode: 0o711 })
    expect(result).toMatchObject({
      diffId: sha256(archive),
      size: archive.length,
      entries: 15,
      bytes: 3015,
      blob: { digest: sha256(archive), size: archive.length },
    })
  })

  it('is these bytes and no others', async () => {
    populate(at('tree'))
    const { result } = await pack(directory('tree'))
    expect(result['diffId']).toBe('sha256:66e78c29a8876a2a25094b9c47d9924d30b938b333c5119cc0a436f616833850')
  })

  // A release keeps its compressors, so that a layer packed again has the digest that a registry knows. Another digest here is a change for users.
  it.for([
    ['gzip', 6, 'sha256:f177f3a2500f14564e3336caca43453fc23c50c618b0e63a0d49a7dfedbd822f'],
    ['zstd', 3, 'sha256:22ef991daaedb63e6988d41b78df7de07cef1168d4c17084564d9d4253dd3d7d'],
  ] as const)('is these bytes when compressed by %s', async ([kind, level, digest]) => {
    populate(at('tree'))
    const words = Array.from({ length: 400_000 }, (_, index) => `${(index * 7919) % 10_007} `)
    writeFileSync(at('tree/words'), words.join(''))
    lutimesSync(at('tree/words'), 1, 1)
    const plan = { verb: 'pack', tree: directory('tree'), out: at('out'), compression: { kind, level, threads: 2 } }
    expect(await planResult(plan)).toMatchObject({ blob: { digest } })
  })

  it('is the well-known empty layer when there is nothing', async () => {
    const { result } = await pack(directory('tree'))
    expect(result).toMatchObject({
      diffId: 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
      entries: 0,
    })
  })

  it('does not depend on the order in which files were made', async () => {
    const list = Array.from({ length: 300 }, (_, i) => `f${(i * 7919) % 300}`)
    for (const [tree, order] of [
      ['tree', list],
      ['lower', list.toReversed()],
    ] as const) {
      for (const name of order) {
        writeFileSync(at(tree, name), name)
        utimesSync(at(tree, name), 1, 1)
      }
    }
    expect((await pack(directory('tree'))).result['diffId']).toBe((await pack(directory('lower'))).result['diffId'])
  })

  it('says times before 1970, and clamps late ones', async () => {
    writeFileSync(at('tree/old'), '')
    execFileSync('touch', ['-d', '@-1.5', at('tree/old')])
    writeFileSync(at('tree/new'), '')
    utimesSync(at('tree/new'), 2_000_000_000, 2_000_000_000)
    const { entries } = await pack(directory('tree'), { clampMtime: 1_700_000_000 })
    expect(entries).toMatchObject([
      { name: 'new', mtime: 1_700_000_000 },
      { name: 'old', mtime: -2 },
    ])
  })

  it('writes sparse files in full and can be read by tar(1)', async () => {
    writeFileSync(at('tree/sparse'), 'begin')
    truncateSync(at('tree/sparse'), 3_000_000)
    populate(at('tree'))
    const { archive } = await pack(directory('tree'))
    mkdirSync(at('untarred'))
    execFileSync('tar', ['-xpf', '-', '-C', at('untarred')], { input: archive })
    expect(listTree(at('untarred'))).toEqual(listTree(at('tree')))
  })

  it.for([
    ['gzip', 1],
    ['gzip', 9],
    ['zstd', 1],
    ['zstd', 19],
  ] as const)('compresses with %s -%d to bytes that do not depend on the number of threads', async ([kind, level]) => {
    writeFileSync(at('tree/half'), Buffer.concat([randomBytes(2_500_000), Buffer.alloc(2_500_000, 'text ')]))
    writeFileSync(at('tree/small'), 'x')
    const plain = (await pack(directory('tree'))).archive
    const digests = new Set<string>()
    for (const threads of [1, 2, 5]) {
      const out = at(`out.${threads}`)
      const result = await planResult({
        verb: 'pack',
        tree: directory('tree'),
        out,
        compression: { kind, level, threads },
        expect: { diffId: sha256(plain) },
      })
      const blob = readFileSync(out)
      expect(result).toMatchObject({ diffId: sha256(plain), blob: { digest: sha256(blob), size: blob.length } })
      expect((kind === 'gzip' ? gunzipSync(blob) : zstdDecompressSync(blob)).equals(plain)).toBe(true)
      digests.add(sha256(blob))
    }
    expect(digests.size).toBe(1)
  })

  it('comes back the same after it was unpacked', async () => {
    populate(at('tree'))
    const { archive, result } = await pack(directory('tree'))
    mkdirSync(at('again'))
    writeFileSync(at('blob'), archive)
    await planResult({
      verb: 'apply',
      blob: at('blob'),
      mediaCompression: 'auto',
      mode: 'alone',
      target: directory('again'),
      expect: { diffId: result['diffId'] },
    })
    expect((await pack(directory('again'))).result['diffId']).toBe(result['diffId'])
    expect(listTree(at('again'))).toEqual(listTree(at('tree')))
  })
})

describe('a layer on others', () => {
  beforeEach(async () => {
    const lower = tar(
      { name: 'etc', type: '5' },
      { name: 'etc/passwd', data: 'root' },
      { name: 'etc/group', data: 'g' },
      { name: 'app', type: '5', mode: 0o750, uid: 9 },
      { name: 'app/old', data: 'o' },
      { name: 'app/dir', type: '5' },
      { name: 'app/dir/f', data: 'f' },
      { name: 'link', type: '2', link: 'etc' },
      { name: 'noted', data: 'n', pax: { 'SCHILY.xattr.user.note': '1' } },
    )
    writeFileSync(at('blob'), lower)
    await planResult({
      verb: 'apply',
      blob: at('blob'),
      mediaCompression: 'none',
      mode: 'alone',
      target: directory('lower'),
    })
  })

  /** Changes the merged view by a shell in a mount namespace of its own, as a RUN does. */
  function change(script: string): void {
    const mount = `mount -t overlay overlay -o lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')},redirect_dir=off,metacopy=off,index=off ${at('tree')}`
    execFileSync('unshare', ['-m', 'sh', '-ec', `${mount}; cd ${at('tree')}; ${script}`])
  }
  const commit = async (clampMtime: number | null = null) =>
    (await planResult({ verb: 'files', target: layered(), actions: [], commit: { clampMtime } }))['layer'] as Record<
      string,
      unknown
    >
  const packed = async () => pack({ kind: 'layers', lower: [at('upper')] })

  it.for([
    ['nothing', 'true', []],
    ['a change and its reverse', 'chmod 700 app; chmod 750 app; touch x; rm x', []],
    ['chown -R to the same owner', 'chown -R 0:0 etc noted link; chown 9:0 app', []],
    ['a new file', 'echo new > app/new', ['app/new']],
    ['a deleted file', 'rm etc/passwd', ['etc/.wh.passwd']],
    ['a deleted directory', 'rm -r app', ['.wh.app']],
    [
      'a directory that replaces another',
      'rm -r app; mkdir app; echo 1 > app/own',
      ['app/', 'app/.wh..wh..opq', 'app/own'],
    ],
    [
      'a directory in place of a link',
      'rm link; mkdir link; echo 1 > link/x',
      ['link/', 'link/.wh..wh..opq', 'link/x'],
    ],
    ['a link in place of a directory', 'rm -r app; ln -s etc app', ['app']],
    ['a changed mode', 'chmod 700 app', ['app/']],
    ['a changed owner', 'chown 5 etc/group', ['etc/group']],
    ['the same content with another time', 'touch -d @5 etc/group', ['etc/group']],
    [
      'other content with the same time',
      'cp -p etc/group ../kept; echo X > etc/group; touch -r ../kept etc/group',
      ['etc/group'],
    ],
    ['hard links', 'ln etc/passwd app/hard', ['app/hard', 'etc/passwd']],
    ['the mode of the root', 'chmod 700 .', ['./']],
    ['a socket', `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "app/s", Listen => 1)'`, []],
  ] as [string, string, string[]][])('sees %s', async ([, script, expected]) => {
    change(script)
    const layer = await commit()
    const { entries, result } = await packed()
    expect(names(entries)).toEqual(expected)
    expect(result).toMatchObject({
      diffId: layer['diffId'],
      entries: expected.length,
      size: layer['size'],
      bytes: layer['bytes'],
    })
    expect(layer['entries']).toBe(expected.length)
  })

  it('gives the same bytes from the layer alone and from a comparison', async () => {
    change(
      'chown -R 0:0 .; chown 9 app; echo new > app/new; rm -r app/dir; mkdir app/dir; touch -d @7 app/dir; mkdir -p a/b/c; rm etc/group',
    )
    const compared = await pack(layered())
    const layer = await commit()
    expect(compared.result['diffId']).toBe(layer['diffId'])
    expect((await packed()).archive.equals(compared.archive)).toBe(true)
  })

  it('clamps the times of the files themselves', async () => {
    change('echo late > app/late; ln -s x app/link; mkdir app/newdir; touch -d @100 app/early')
    const layer = await commit(1_600_000_000)
    const { entries, result } = await packed()
    expect(result['diffId']).toBe(layer['diffId'])
    expect(Object.fromEntries(entries.map(({ name, mtime }) => [name, mtime]))).toEqual({
      'app/early': 100,
      'app/late': 1_600_000_000,
      'app/link': 1_600_000_000,
      'app/newdir/': 1_600_000_000,
    })
  })

  it('hides its marks from the merged view', async () => {
    change('echo new > app/new')
    await commit()
    execFileSync('unshare', [
      '-m',
      'sh',
      '-ec',
      `mount -t overlay overlay -o lowerdir=${at('upper')}:${at('lower')} ${at('tree')}; perl -e 'exit(index(\`getfattr -d -m - ${at('tree')}/app 2>/dev/null\`, "tsbuild") >= 0)'`,
    ])
  })

  it('leaves the time of a directory as it was told, whatever is taken out of it', async () => {
    change('chmod 700 app etc; touch -r app/. app/made etc/.wh.passwd; touch -d @1000 app etc')
    const layer = await commit()
    expect((await packed()).result).toMatchObject({ diffId: layer['diffId'] })
  })

  it('takes files with names of marks for what every registry client will take them', async () => {
    change(
      'touch etc/.wh.passwd app/.wh.dir app/.wh..wh.plnk .wh.missing .wh.noted; mkdir app/dir/own; rm noted; echo new > noted; touch app/dir/.wh..wh..opq',
    )
    const layer = await commit()
    const { entries, result } = await packed()
    expect(names(entries)).toEqual(['app/dir/', 'app/dir/.wh..wh..opq', 'app/dir/own/', 'etc/.wh.passwd', 'noted'])
    expect(layer).toMatchObject({ diffId: result['diffId'], markerNames: 6 })
  })

  it.for(['.wh.', '.wh..', '.wh...'])('refuses the name %s', async (name) => {
    change(`mkdir d; touch d/${name}`)
    expect(await planError({ verb: 'files', target: layered(), actions: [], commit: {} })).toMatchObject({
      code: 'LAYER_INVALID',
      path: name,
    })
  })
})

describe('faults', () => {
  it.for([
    ['another DiffID', { expect: { diffId: `sha256:${'0'.repeat(64)}` } }, { code: 'DIGEST_MISMATCH' }],
    [
      'a tree that is not there',
      { tree: { kind: 'dir', path: '/nowhere' } },
      { code: 'PATH_MISSING', path: '/nowhere' },
    ],
    ['several layers without upper', { tree: { kind: 'layers', lower: ['/a', '/b'] } }, { code: 'PLAN_INVALID' }],
    ['a level that gzip does not have', { compression: { kind: 'gzip', level: 10 } }, { code: 'PLAN_INVALID' }],
    ['no threads', { compression: { kind: 'gzip', threads: 0 } }, { code: 'PLAN_INVALID' }],
  ] as const)('refuses %s and leaves no file', async ([, change, error]) => {
    writeFileSync(at('tree/f'), 'x')
    expect(await planError({ verb: 'pack', tree: directory('tree'), out: at('out.tar'), ...change })).toMatchObject(
      error,
    )
    expect(existsSync(at('out.tar'))).toBe(false)
  })

  it('does not write over a file', async () => {
    writeFileSync(at('out.tar'), 'precious')
    expect(await planError({ verb: 'pack', tree: directory('tree'), out: at('out.tar') })).toMatchObject({
      code: 'NATIVE_FAILED',
      errno: 'EEXIST',
      path: at('out.tar'),
    })
    expect(readFileSync(at('out.tar'), 'utf8')).toBe('precious')
  })

  it('says that the disk is full', async () => {
    writeFileSync(at('tree/f'), randomBytes(3_000_000))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at('work')])
    try {
      expect(await planError({ verb: 'pack', tree: directory('tree'), out: at('work/out') })).toMatchObject({
        code: 'STORE_FULL',
        errno: 'ENOSPC',
        path: at('work/out'),
      })
      expect(readdirSync(at('work'))).toEqual([])
    } finally {
      execFileSync('umount', [at('work')])
    }
  })

  it('stops on SIGTERM and removes the file', async () => {
    for (let i = 0; i < 16; i++) writeFileSync(at(`tree/f${i}`), randomBytes(4_000_000))
    const stop = new AbortController()
    const answer = await runPlan(
      { verb: 'pack', tree: directory('tree'), out: at('out'), compression: { kind: 'zstd', level: 22 } },
      { signal: stop.signal, onHello: () => setTimeout(() => stop.abort(), 700) },
    )
    expect(answer.error).toMatchObject({ code: 'CANCELLED' })
    expect(existsSync(at('out'))).toBe(false)
  })
})
