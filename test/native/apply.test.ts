import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  lstatSync,
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
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planError, planResult, runPlan } from '../helpers/native-plan.ts'
import { readTar, tar, tarEntry, tarPax } from '../helpers/tar.ts'
import type { TarEntry } from '../helpers/tar.ts'
import { listTree } from '../helpers/tree-listing.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-apply-'))
  for (const name of ['lower', 'upper', 'work', 'target', 'outside']) mkdirSync(join(root, name))
  writeFileSync(join(root, 'outside/secret'), 'untouched')
})
afterEach(() => {
  expect(listTree(join(root, 'outside'))).toEqual(['secret f 644 0:0 "untouched"'])
  rmSync(root, { recursive: true, force: true })
})

const sha256 = (data: Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`

function blob(data: Uint8Array): string {
  const path = join(root, 'blob')
  writeFileSync(path, data)
  return path
}

const alone = (data: Uint8Array, more: object = {}) => ({
  verb: 'apply',
  blob: blob(data),
  mediaCompression: 'auto',
  mode: 'alone',
  target: { kind: 'dir', path: join(root, 'target') },
  ...more,
})

const merged = (data: Uint8Array, more: object = {}) => ({
  ...alone(data),
  mode: 'merged',
  target: {
    kind: 'layers',
    lower: [join(root, 'lower')],
    upper: join(root, 'upper'),
    work: join(root, 'work'),
    volatile: true,
  },
  ...more,
})

const dir = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: '5', ...more })
const file = (name: string, data = '', more: Partial<TarEntry> = {}): TarEntry => ({ name, data, ...more })

/** What the merged view shows, read by packing a copy of it; overlay's own attributes do not appear. */
async function view(): Promise<string[]> {
  const out = join(root, 'view.tar')
  rmSync(out, { force: true })
  await planResult({
    verb: 'export',
    tree: { kind: 'layers', lower: [join(root, 'upper'), join(root, 'lower')] },
    out,
  })
  return readTar(readFileSync(out)).map(
    ({ name, type, data, link }) => `${name}${type === '5' ? '' : ` ${link || data.toString()}`}`,
  )
}

describe('one layer alone', () => {
  it('makes every kind of entry, with owner, mode and time', async () => {
    const archive = tar(
      dir('./'),
      dir('d/', { mode: 0o2755, uid: 1, gid: 2, mtime: 1_100_000_000 }),
      file('d/suid', 'data', { mode: 0o4755, uid: 7, gid: 8 }),
      { name: 'd/link', type: '2', link: '../outside', uid: 5, gid: 6 },
      { name: 'd/hard', type: '1', link: 'd/suid' },
      { name: 'd/null', type: '3', major: 1, minor: 3, mode: 0o666 },
      { name: 'd/loop', type: '4', major: 7, minor: 9, mode: 0o660 },
      { name: 'd/fifo', type: '6', mode: 0o600 },
      file('/absolute', 'a'),
      file('./dot/../x', '', { name: './dotted' }),
      { name: 'oldstyle/', type: '\0', mode: 0o700 },
    )
    const result = await planResult(alone(archive))
    expect(result).toMatchObject({ diffId: sha256(archive), size: archive.length, entries: 11, bytes: 5 })
    expect(listTree(join(root, 'target'))).toEqual([
      'absolute f 644 0:0 "a"',
      'd d 2755 1:2',
      'd/fifo p 600 0:0',
      'd/hard f 4755 7:8 "data" #1',
      'd/link l 5:6 -> ../outside',
      'd/loop b 660 0:0 7:9',
      'd/null c 666 0:0 1:3',
      'd/suid f 4755 7:8 "data" #1',
      'dotted f 644 0:0 ""',
      'oldstyle d 700 0:0',
    ])
    expect(lstatSync(join(root, 'target/d')).mtimeMs).toBe(1_100_000_000_000)
    expect(lstatSync(join(root, 'target/d/suid')).mtimeMs).toBe(1_000_000_000_000)
    expect(lstatSync(join(root, 'target/d/link')).mtimeMs).toBe(1_000_000_000_000)
  })

  it.for([
    ['none', (data: Buffer) => data],
    ['gzip', (data: Buffer) => gzipSync(data)],
    [
      'gzip of several members',
      (data: Buffer) => Buffer.concat([gzipSync(data.subarray(0, 700)), gzipSync(''), gzipSync(data.subarray(700))]),
    ],
    ['zstd', (data: Buffer) => zstdCompressSync(data)],
    [
      'zstd of several frames and a skippable one',
      (data: Buffer) =>
        Buffer.concat([
          Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]),
          zstdCompressSync(data.subarray(0, 700)),
          zstdCompressSync(data.subarray(700)),
        ]),
    ],
  ] as const)('reads %s, from a file and from a pipe', async ([, compress]) => {
    const archive = tar(file('big', 'x'.repeat(300_000)), file('small', 'y'))
    const packed = compress(archive)
    expect(await planResult(alone(packed, { expect: { diffId: sha256(archive) } }))).toMatchObject({
      diffId: sha256(archive),
    })
    expect(listTree(join(root, 'target'))).toEqual(['big f 644 0:0 (300000)', 'small f 644 0:0 "y"'])
  })

  it('reads long names, large numbers and odd bytes in all their forms', async () => {
    const long = `${'n'.repeat(90)}/${'o'.repeat(90)}`
    const gnu = (type: 'L' | 'K', text: string) => tarEntry({ name: '././@LongLink', type, data: `${text}\0` })
    const base256 = (value: number): Buffer => {
      const field = Buffer.alloc(8)
      field.writeUInt32BE(value, 4)
      field[0] = 0x80
      return field
    }
    await planResult(
      alone(
        tar(
          dir('n'.repeat(90)),
          gnu('L', long),
          file('short', 'gnu'),
          gnu('K', 'k'.repeat(150)),
          { name: 'link', type: '2', link: 'short' },
          {
            ...file('pax', 'p'),
            pax: { path: 'p'.repeat(200), uid: '3000000', gid: '4000000', mtime: '1234567890.5' },
          },
          file('base256', '', { patch: [[108, base256(5_000_000)]] }),
          { name: Buffer.from([0xff, 0x0a, 0x22]), data: 'raw' },
          tarPax({ comment: 'ignored' }, 'g'),
          file('prefixed', 'u', { patch: [[345, 'n'.repeat(90)]] }),
        ),
      ),
    )
    expect(listTree(join(root, 'target'))).toEqual(
      [
        'base256 f 644 5000000:0 ""',
        `link l 0:0 -> ${'k'.repeat(150)}`,
        `${'n'.repeat(90)} d 755 0:0`,
        `${long} f 644 0:0 "gnu"`,
        `${'n'.repeat(90)}/prefixed f 644 0:0 "u"`,
        `${'p'.repeat(200)} f 644 3000000:4000000 "p"`,
        '\xff\n" f 644 0:0 "raw"',
      ]
        .sort((a, b) => (a < b ? -1 : 1))
        .sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))),
    )
    expect(lstatSync(join(root, 'target', 'p'.repeat(200))).mtimeMs).toBe(1_234_567_890_500)
  })

  it.for([
    [
      'GNU, old',
      (): TarEntry[] => [
        file('s', 'abcd', {
          type: 'S',
          patch: [
            [386, '00000010000\0'],
            [398, '00000000004\0'],
            [483, '00000020000\0'],
          ],
        }),
      ],
    ],
    [
      'PAX 0.0',
      () => [
        {
          ...file('s', 'abcd'),
          pax: {
            'GNU.sparse.size': '8192',
            'GNU.sparse.numblocks': '1',
            'GNU.sparse.offset': '4096',
            'GNU.sparse.numbytes': '4',
          },
        },
      ],
    ],
    [
      'PAX 0.1',
      () => [
        {
          ...file('GNUSparseFile.0/s', 'abcd'),
          pax: { 'GNU.sparse.name': 's', 'GNU.sparse.size': '8192', 'GNU.sparse.map': '4096,4' },
        },
      ],
    ],
    [
      'PAX 1.0',
      () => [
        {
          ...file('GNUSparseFile.0/s', `${'1\n4096\n4\n'.padEnd(512, '\0')}abcd`),
          pax: {
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.name': 's',
            'GNU.sparse.realsize': '8192',
          },
        },
      ],
    ],
  ] as const)('reads sparse files: %s', async ([, entries]) => {
    await planResult(alone(tar(...entries(), file('after', 'x'))))
    expect(
      readFileSync(join(root, 'target/s')).equals(
        Buffer.concat([Buffer.alloc(4096), Buffer.from('abcd'), Buffer.alloc(4092)]),
      ),
    ).toBe(true)
    expect(listTree(join(root, 'target'))).toContain('after f 644 0:0 "x"')
  })

  it('keeps user attributes and capabilities, and no others', async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    await planResult(
      alone(
        tar({
          ...file('f', 'x', { uid: 3 }),
          pax: {
            'SCHILY.xattr.user.note': 'a\0b',
            'SCHILY.xattr.security.capability': capability,
            'SCHILY.xattr.trusted.overlay.opaque': 'y',
            'SCHILY.xattr.user.overlay.opaque': 'y',
            'SCHILY.xattr.security.selinux': 'label',
          },
        }),
      ),
    )
    const out = join(root, 'out.tar')
    await planResult({ verb: 'pack', tree: { kind: 'dir', path: join(root, 'target') }, out })
    expect(readTar(readFileSync(out))[0]?.pax).toEqual({
      'SCHILY.xattr.user.note': 'a\0b',
      'SCHILY.xattr.security.capability': capability.toString('latin1'),
    })
  })

  it('turns whiteouts into overlay whiteouts, whatever their order', async () => {
    await planResult(
      alone(
        tar(
          file('.wh.gone'),
          dir('dir'),
          file('dir/.wh..wh..opq'),
          file('dir/new', 'n'),
          file('.wh.replaced'),
          dir('replaced'),
          dir('kept'),
          file('.wh.kept'),
          file('there', 'x'),
          file('.wh.there'),
          file('.wh..wh.plnk'),
        ),
      ),
    )
    expect(listTree(join(root, 'target'))).toEqual([
      'dir d 755 0:0',
      'dir/new f 644 0:0 "n"',
      'gone c 0 0:0 0:0',
      'kept d 755 0:0',
      'replaced d 755 0:0',
      'there f 644 0:0 "x"',
    ])
    const out = join(root, 'out.tar')
    await planResult({ verb: 'pack', tree: { kind: 'dir', path: join(root, 'target') }, out })
    expect(readTar(readFileSync(out)).map(({ name }) => name)).toEqual([
      '.wh.gone',
      'dir/',
      'dir/.wh..wh..opq',
      'dir/new',
      'kept/',
      'kept/.wh..wh..opq',
      'replaced/',
      'replaced/.wh..wh..opq',
      'there',
    ])
  })

  it.for([
    ['a parent that is not in the layer', [file('lib/x', 'x')], 'lib/x'],
    ['a parent that is a link', [{ name: 'lib', type: '2', link: '/etc' }, file('lib/passwd', 'x')], 'lib/passwd'],
    ['a parent that is a file', [file('lib', ''), file('lib/x', 'x')], 'lib/x'],
    ['a hard link to what is not in the layer', [{ name: 'h', type: '1', link: 'bin/sh' }], 'h'],
    ['a hard link to a file below', [{ name: 'h', type: '1', link: 'busybox' }], 'h'],
    ['a hard link to what it deletes', [file('.wh.busybox'), { name: 'h', type: '1', link: 'busybox' }], 'h'],
  ] as [string, TarEntry[], string][])('asks for the layers below: %s', async ([, entries, path]) => {
    expect(await planError(alone(tar(...entries)))).toMatchObject({ code: 'LAYER_NEEDS_LOWER', path })
  })

  it('takes the last of entries with one name', async () => {
    await planResult(
      alone(
        tar(
          file('a', '1'),
          file('a', '22'),
          dir('b'),
          file('b/x', 'x'),
          file('b', 'file now'),
          { name: 'c', type: '2', link: '/etc' },
          dir('c'),
          file('c/in', 'i'),
        ),
      ),
    )
    expect(listTree(join(root, 'target'))).toEqual([
      'a f 644 0:0 "22"',
      'b f 644 0:0 "file now"',
      'c d 755 0:0',
      'c/in f 644 0:0 "i"',
    ])
  })
})

describe('on top of the layers below', () => {
  beforeEach(async () => {
    const lower = tar(
      dir('usr'),
      dir('usr/lib'),
      file('usr/lib/old', 'o'),
      { name: 'lib', type: '2', link: 'usr/lib' },
      { name: 'etc', type: '2', link: join(root, 'outside') },
      { name: 'up', type: '2', link: '../../../../..' },
      dir('data'),
      file('data/a', 'a'),
      file('data/b', 'b'),
      dir('data/sub'),
      file('data/sub/c', 'c'),
    )
    await planResult(alone(lower, { target: { kind: 'dir', path: join(root, 'lower') } }))
  })

  it('follows links on the way inside the root', async () => {
    await planResult(
      merged(tar(file('lib/new', 'n'), file('deep/er/x', 'x'), { name: 'lib/hard', type: '1', link: 'lib/old' })),
    )
    expect(await view()).toEqual(
      expect.arrayContaining([
        'usr/lib/new n',
        'deep/',
        'deep/er/',
        'deep/er/x x',
        'usr/lib/old usr/lib/hard',
        'lib usr/lib',
      ]),
    )
  })

  it('never leaves the root by a link of a layer below', async () => {
    await planResult(
      merged(tar(file('etc/secret', 'inside'), file('up/top', 't'), { name: 'hard', type: '1', link: 'etc/secret' })),
    )
    const inside = join(root, 'outside').slice(1)
    expect(await view()).toEqual(expect.arrayContaining(['hard inside', `${inside}/secret hard`, 'top t']))
  })

  it('deletes by whiteouts only what lies below', async () => {
    await planResult(
      merged(
        tar(
          file('data/mine', 'm'),
          file('data/.wh.a'),
          file('data/.wh.mine'),
          file('lib/new', 'n'),
          file('usr/lib/.wh.new'),
          file('.wh.missing'),
        ),
      ),
    )
    const shown = await view()
    expect(shown).toEqual(expect.arrayContaining(['data/mine m', 'data/b b', 'usr/lib/new n']))
    expect(shown).not.toContain('data/a a')
  })

  it('empties an opaque directory of what lies below, after its entries or before them', async () => {
    await planResult(merged(tar(file('data/sub/mine', 'm'), file('data/.wh..wh..opq'), file('data/late', 'l'))))
    expect((await view()).filter((line) => line.startsWith('data'))).toEqual([
      'data/',
      'data/late l',
      'data/sub/',
      'data/sub/mine m',
    ])
  })

  it('replaces a directory by a file and a link by a directory', async () => {
    await planResult(merged(tar(file('data', 'now a file'), dir('lib'), file('lib/own', 'x'))))
    const shown = await view()
    expect(shown).toEqual(expect.arrayContaining(['data now a file', 'lib/', 'lib/own x', 'usr/lib/old o']))
  })

  it.for([
    ['a parent that is a file', [file('data/a/x')], 'data/a/x'],
    ['a hard link to nothing', [{ name: 'h', type: '1', link: 'nothing' }], 'h'],
    ['a hard link to a directory', [{ name: 'h', type: '1', link: 'data' }], 'h'],
  ] as [string, TarEntry[], string][])('refuses %s', async ([, entries, path]) => {
    expect(await planError(merged(tar(...entries)))).toMatchObject({ code: 'LAYER_INVALID', path })
  })
})

describe('what is malformed or hostile', () => {
  const field = (bytes: number[]): Buffer => Buffer.from(bytes)
  const cases: [what: string, archive: () => Buffer, path?: string][] = [
    ['".." in a path', () => tar(file('../outside/secret', 'x')), '../outside/secret'],
    ['".." inside a path', () => tar(dir('a'), file('a/../../outside/secret', 'x')), 'a/../../outside/secret'],
    ['".." in an absolute path', () => tar(file('/../outside/secret', 'x')), '/../outside/secret'],
    ['".." in a hard link', () => tar({ name: 'h', type: '1', link: '../outside/secret' }), 'h'],
    ['a whiteout of ".."', () => tar(file('.wh...')), '.wh...'],
    ['a whiteout of "."', () => tar(file('.wh..')), '.wh..'],
    ['a whiteout of nothing', () => tar(file('.wh.')), '.wh.'],
    ['a file as root', () => tar(file('./', 'x')), './'],
    ['an empty name', () => tar(file('', 'x'))],
    ['a 0/0 device', () => tar({ name: 'w', type: '3' }), 'w'],
    ['a link to nothing', () => tar({ name: 'l', type: '2' }), 'l'],
    ['an unknown type', () => tar({ name: 'v', type: 'V' }), 'v'],
    ['a name over 255 bytes', () => tar({ ...file('x'), pax: { path: 'n'.repeat(256) } }), 'n'.repeat(256)],
    ['a path over 4096 bytes', () => tar({ ...file('x'), pax: { path: 'd/'.repeat(3000) } })],
    ['a wrong checksum', () => tar(file('f', 'x', { checksum: 1 }))],
    [
      'a negative size',
      () =>
        tar(file('f', 'x', { patch: [[124, field([255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255])]] })),
      'f',
    ],
    [
      'a size of 2^90',
      () => tar(file('f', 'x', { patch: [[124, field([0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]] })),
      'f',
    ],
    ['a size that is no number', () => tar(file('f', 'x', { patch: [[124, 'hello']] })), 'f'],
    ['a size in PAX of 2^64', () => tar({ ...file('f', 'x'), pax: { size: '18446744073709551616' } })],
    ['a negative size in PAX', () => tar({ ...file('f', 'x'), pax: { size: '-1' } })],
    ['an owner of 2^32', () => tar({ ...file('f', 'x'), pax: { uid: '4294967296' } })],
    [
      'an owner of -1',
      () => tar(file('f', 'x', { patch: [[108, field([255, 255, 255, 255, 255, 255, 255, 255])]] })),
      'f',
    ],
    ['PAX data over 1 MiB', () => tar({ ...file('f'), pax: { comment: 'c'.repeat(1 << 20) } })],
    [
      'a PAX size of 8 GiB',
      () => Buffer.concat([tarEntry({ name: 'x', type: 'x', size: 8 * 1024 ** 3 - 1 }), Buffer.alloc(4096)]),
    ],
    [
      'a GNU name over 1 MiB',
      () => tar(tarEntry({ name: 'x', type: 'L', data: 'n'.repeat((1 << 20) + 1) }), file('f')),
    ],
    ['a PAX record without length', () => tar(tarEntry({ name: 'x', type: 'x', data: 'path=x\n' }), file('f'))],
    ['a PAX record that is too long', () => tar(tarEntry({ name: 'x', type: 'x', data: '99 path=x\n' }), file('f'))],
    ['a PAX record without end', () => tar(tarEntry({ name: 'x', type: 'x', data: '9 path=xy' }), file('f'))],
    ['a PAX length of 0', () => tar(tarEntry({ name: 'x', type: 'x', data: '0 path=xy\n' }), file('f'))],
    ['a NUL in a PAX path', () => tar({ ...file('f'), pax: { path: 'a\0b' } })],
    ['an end after a PAX header', () => tar(tarPax({ path: 'x' }))],
    ['an end within a header', () => tarEntry(file('f', 'x')).subarray(0, 300)],
    ['an end within a file', () => tarEntry(file('f', 'x'.repeat(2000))).subarray(0, 1200)],
    ['an end in the padding', () => tarEntry(file('f', 'x')).subarray(0, 700)],
    ['a truncated gzip', () => gzipSync(tar(file('f', 'x'.repeat(2000)))).subarray(0, 30)],
    [
      'a damaged gzip',
      () => {
        const data = gzipSync(tar(file('f', 'x'.repeat(2000))))
        data[20] = (data[20] ?? 0) ^ 0xff
        return data
      },
    ],
    [
      'a gzip with a wrong check sum',
      () => {
        const data = gzipSync(tar(file('f', 'x')))
        data[data.length - 6] = (data[data.length - 6] ?? 0) ^ 1
        return data
      },
    ],
    ['rubbish after a gzip', () => Buffer.concat([gzipSync(tar(file('f', 'x'))), Buffer.from('rubbish')])],
    ['a truncated zstd', () => zstdCompressSync(tar(file('f', 'x'.repeat(2000)))).subarray(0, 30)],
    [
      'a sparse map that overlaps',
      () => tar({ ...file('s', 'abcd'), pax: { 'GNU.sparse.size': '100', 'GNU.sparse.map': '0,2,1,2' } }),
      's',
    ],
    [
      'a sparse map that is too long',
      () => tar({ ...file('s', 'abcd'), pax: { 'GNU.sparse.size': '3', 'GNU.sparse.map': '0,4' } }),
      's',
    ],
    [
      'a sparse map that overflows',
      () => tar({ ...file('s', 'abcd'), pax: { 'GNU.sparse.size': '100', 'GNU.sparse.map': '9223372036854775807,4' } }),
      's',
    ],
    [
      'a sparse map without its half',
      () => tar({ ...file('s', 'abcd'), pax: { 'GNU.sparse.size': '100', 'GNU.sparse.offset': '0' } }),
    ],
    [
      'a sparse file of a million pieces and more',
      () => {
        const pieces = (1 << 20) + 1
        const map = `${pieces}\n${'0\n0\n'.repeat(pieces)}`
        return tar({
          ...file('s', map.padEnd(Math.ceil(map.length / 512) * 512, '\0')),
          pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' },
        })
      },
    ],
    ['a sparse file without size', () => tar({ ...file('s', 'abcd'), pax: { 'GNU.sparse.map': '0,4' } }), 's'],
    [
      'a sparse map in data that never ends',
      () => tar({ ...file('s', '9'.repeat(512)), pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' } }),
      's',
    ],
    ['a hard link to itself', () => tar({ name: 'h', type: '1', link: 'h' })],
  ]
  it.for(cases)('refuses %s', async ([what, archive, path]) => {
    for (const plan of [alone(archive()), merged(archive())]) {
      const error = await planError(plan)
      // A layer alone cannot tell a link to nothing from a link to a lower layer.
      expect(['LAYER_INVALID', ...(plan.mode === 'alone' ? ['LAYER_NEEDS_LOWER'] : [])]).toContain(error.code)
      if (path !== undefined) expect(error.path).toBe(path.slice(0, 1023))
      if (what.endsWith('size') || what.startsWith('a size of')) expect(error.message).toMatch(/number|size/)
    }
  })

  it('does not write through a link that the layer made', async () => {
    const attack = tar(
      { name: 'l', type: '2', link: join(root, 'outside') },
      file('l/secret', 'owned'),
      { name: 'f', type: '2', link: join(root, 'outside/secret') },
      file('f', 'owned'),
    )
    expect(await planError(alone(attack))).toMatchObject({ code: 'LAYER_NEEDS_LOWER' })
    await planResult(merged(attack))
    expect(await view()).toEqual(expect.arrayContaining(['f owned']))
  })

  it('does not follow a link that lies where the target should be', async () => {
    rmSync(join(root, 'target'), { recursive: true })
    symlinkSync(join(root, 'outside'), join(root, 'target'))
    writeFileSync(join(root, 'outside/secret'), 'untouched')
    const plan = {
      ...merged(tar(file('secret', 'owned'))),
      target: { kind: 'layers', lower: [], upper: join(root, 'upper') },
    }
    await planResult(plan)
    expect(readdirSync(join(root, 'upper'))).toEqual(['secret'])
  })

  it.for([
    ['bytes of the archive', tar(file('f', 'x'.repeat(100_000))), { bytes: 50_000 }],
    ['bytes of a bomb', gzipSync(Buffer.alloc(64 << 20)), { bytes: 1 << 20 }],
    [
      'bytes that a sparse file claims',
      tar({ ...file('s', 'abcd'), pax: { 'GNU.sparse.size': '9000000000000000000', 'GNU.sparse.map': '0,4' } }),
      { bytes: 1 << 30 },
    ],
    ['entries', tar(file('a'), file('b'), file('c')), { entries: 2 }],
  ] as const)('stops at the limit: %s', async ([, archive, limits]) => {
    expect(await planError(alone(archive, { limits }))).toMatchObject({
      code: 'LAYER_INVALID',
      message: expect.stringMatching(/limit/u),
    })
  })

  it('names both digests when the content is another', async () => {
    const archive = tar(file('f', 'x'))
    const error = await planError(alone(archive, { expect: { diffId: `sha256:${'0'.repeat(64)}` } }))
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(sha256(archive)) })
  })

  it('covers what follows the end of the archive by the digest', async () => {
    const archive = Buffer.concat([tar(file('f', 'x')), Buffer.alloc(9000, 'rest')])
    expect(await planResult(alone(archive))).toMatchObject({ diffId: sha256(archive), entries: 1 })
  })

  it.for([
    ['a blob that is not there', { blob: '/nowhere/blob' }, { code: 'PATH_MISSING', path: '/nowhere/blob' }],
    ['a blob that is a directory', { blob: '/tmp' }, { code: 'NATIVE_FAILED' }],
    [
      'a target that is not there',
      { target: { kind: 'dir', path: '/nowhere/target' } },
      { code: 'PATH_MISSING', path: '/nowhere/target' },
    ],
    ['a relative target', { target: { kind: 'dir', path: 'target' } }, { code: 'PLAN_INVALID' }],
    ['a tree without upper', { mode: 'merged', target: { kind: 'layers', lower: ['/tmp'] } }, { code: 'PLAN_INVALID' }],
    ['layers for a layer alone', { target: { kind: 'layers', lower: [], upper: '/tmp' } }, { code: 'PLAN_INVALID' }],
    ['an unknown compression', { mediaCompression: 'lzma' }, { code: 'PLAN_INVALID' }],
  ] as const)('refuses %s', async ([, change, error]) => {
    expect(await planError(alone(tar(), change))).toMatchObject(error)
  })
})

it('stops on SIGTERM while it waits for more of a stream', async () => {
  const { execFileSync } = await import('node:child_process')
  const { openSync, closeSync, constants } = await import('node:fs')
  const fifo = join(root, 'fifo')
  execFileSync('mkfifo', [fifo])
  const fd = openSync(fifo, constants.O_RDWR)
  const stop = new AbortController()
  const answer = await runPlan(
    { ...alone(Buffer.alloc(0)), blob: { fd: 5 } },
    { fds: [fd], signal: stop.signal, onHello: () => setTimeout(() => stop.abort(), 200) },
  )
  closeSync(fd)
  expect(answer).toMatchObject({ error: { code: 'CANCELLED' }, exit: 1 })
})

describe('in a user namespace', () => {
  const idmap = { uid: [[0, 100_000, 65_536]], gid: [[0, 200_000, 65_536]] }
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
  const layer = () =>
    tar(
      dir('dev', { uid: 0, gid: 5 }),
      { name: 'dev/null', type: '3', major: 1, minor: 3, mode: 0o666, gid: 7 },
      {
        ...file('cap', 'c', { uid: 1000, gid: 1000, mode: 0o755 }),
        pax: { 'SCHILY.xattr.security.capability': capability },
      },
      file('.wh.gone'),
      dir('opaque'),
      file('opaque/.wh..wh..opq'),
    )
  beforeEach(() => {
    chmodSync(root, 0o755)
    chownSync(join(root, 'target'), 100_000, 200_000)
  })

  it('maps owners, keeps devices as files, and packs to the very layer', async () => {
    const { diffId } = await planResult(alone(layer(), { idmap }))
    expect(listTree(join(root, 'target'))).toEqual([
      'cap f 755 101000:201000 "c"',
      'dev d 755 100000:200005',
      'dev/null f 666 100000:200007 ""',
      'gone c 0 100000:200000 0:0',
      'opaque d 755 100000:200000',
    ])
    expect(diffId).toBe(sha256(layer()))
    const out = join(root, 'target/out')
    const packed = await planResult({ verb: 'pack', idmap, tree: { kind: 'dir', path: join(root, 'target') }, out })
    const entries = readTar(readFileSync(out)).filter(({ name }) => name !== 'out')
    expect(packed['entries']).toBe(7)
    expect(
      entries.map(({ name, type, uid, gid, device, pax }) =>
        [name, type, uid, gid, device, Object.keys(pax)].join(' '),
      ),
    ).toEqual([
      '.wh.gone 0 0 0 0:0 ',
      'cap 0 1000 1000 0:0 SCHILY.xattr.security.capability',
      'dev/ 5 0 5 0:0 ',
      'dev/null 3 0 7 1:3 ',
      'opaque/ 5 0 0 0:0 ',
      'opaque/.wh..wh..opq 0 0 0 0:0 ',
    ])
  })

  it('with a single id writes owners down, and packs to the very layer', async () => {
    chownSync(join(root, 'target'), 54_321, 54_321)
    const single = { uid: [[0, 54_321, 1]], gid: [[0, 54_321, 1]] }
    const archive = tar(dir('d/', { uid: 33, gid: 34 }), file('d/f', 'x', { gid: 42, mode: 0o640 }), file('plain', 'y'))
    const { diffId } = await planResult(alone(archive, { idmap: single }))
    expect(diffId).toBe(sha256(archive))
    expect(listTree(join(root, 'target'))).toEqual([
      'd d 755 54321:54321',
      'd/f f 640 54321:54321 "x"',
      'plain f 644 54321:54321 "y"',
    ])
    const out = join(root, 'target/out')
    await planResult({ verb: 'pack', idmap: single, tree: { kind: 'dir', path: join(root, 'target') }, out })
    const entries = readTar(readFileSync(out)).filter(({ name }) => name !== 'out')
    expect(entries.map(({ name, uid, gid }) => [name, uid, gid].join(' '))).toEqual([
      'd/ 33 34',
      'd/f 0 42',
      'plain 0 0',
    ])
    const link = tar({ name: 'link', type: '2', link: 'x', uid: 7 })
    expect(await planError(alone(link, { idmap: single }))).toMatchObject({ code: 'FEATURE_MISSING', path: 'link' })
  })

  it('refuses an owner that is not mapped', async () => {
    expect(await planError(alone(tar(file('f', 'x', { uid: 70_000 })), { idmap }))).toMatchObject({
      code: 'FEATURE_MISSING',
      errno: 'EINVAL',
      path: 'f',
    })
  })

  it.for([
    ['no ranges', { uid: [], gid: [[0, 0, 1]] }],
    ['a range of two numbers', { uid: [[0, 1]], gid: [[0, 0, 1]] }],
    ['an empty range', { uid: [[0, 1, 0]], gid: [[0, 0, 1]] }],
    ['a negative id', { uid: [[0, -1, 1]], gid: [[0, 0, 1]] }],
  ])('refuses a mapping with %s', async ([, mapping]) => {
    expect(await planError(alone(layer(), { idmap: mapping }))).toMatchObject({ code: 'PLAN_INVALID' })
  })
})
