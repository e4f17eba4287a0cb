import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bzip2, xz } from '../helpers/compressors.ts'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planError, planResult } from '../helpers/native-plan.ts'
import { readTar, tar } from '../helpers/tar.ts'
import type { TarEntry } from '../helpers/tar.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-files-'))
  for (const name of ['lower', 'upper', 'work', 'context', 'outside']) mkdirSync(at(name))
  writeFileSync(at('outside/secret'), 'untouched')
})
afterEach(() => {
  expect(readFileSync(at('outside/secret'), 'utf8')).toBe('untouched')
  rmSync(root, { recursive: true, force: true })
})

const at = (...names: string[]): string => join(root, ...names)
const dir = (name: string, mode = 0o755, uid = 0, gid = 0): TarEntry => ({ name, type: '5', mode, uid, gid })
const file = (name: string, data = name, mode = 0o644, uid = 0, gid = 0): TarEntry => ({ name, data, mode, uid, gid })
const link = (name: string, target: string): TarEntry => ({ name, type: '2', link: target })

async function unpack(into: string, entries: readonly TarEntry[]): Promise<void> {
  writeFileSync(at('blob'), tar(...entries))
  await planResult({
    verb: 'apply',
    blob: at('blob'),
    mediaCompression: 'none',
    mode: 'alone',
    target: { kind: 'dir', path: at(into) },
  })
}

const target = () => ({ kind: 'layers', lower: [at('lower')], upper: at('upper'), work: at('work'), volatile: true })
const view = () => ({ kind: 'layers', lower: [at('upper'), at('lower')] })

/** A COPY of these sources (patterns of single elements with `*`, else paths) with the defaults of a Dockerfile. */
function copy(sources: string | readonly string[], dest: string, more: object = {}): object {
  const list = typeof sources === 'string' ? [sources] : sources
  return {
    op: 'copy',
    from: { kind: 'dir', path: at('context') },
    ignore: null,
    owners: 'root',
    sources: list.map((path) => (path.includes('*') ? { match: { segments: glob(path) } } : { path })),
    exclude: null,
    parents: false,
    dest,
    owner: null,
    chmod: null,
    archives: 'keep',
    manifest: null,
    ...more,
  }
}

function glob(pattern: string): unknown[] {
  return pattern.split('/').map((element) =>
    element === '**'
      ? '**'
      : element
          .split(/(\*)/u)
          .filter((part) => part !== '')
          .map((part) => (part === '*' ? ['star'] : ['lit', part])),
  )
}
const patterns = (...list: string[]) => ({
  patterns: list.map((each) => ({ negate: each.startsWith('!'), segments: glob(each.replace('!', '')) })),
})

const files = (...actions: object[]) => ({ verb: 'files', target: target(), actions, commit: {} })

/** What the view shows, as `path kind mode uid:gid content`, without what was there before. */
async function changed(...actions: object[]): Promise<string[]> {
  const before = new Set(await shown())
  await planResult(files(...actions))
  return (await shown()).filter((line) => !before.has(line))
}

async function shown(): Promise<string[]> {
  const out = at('view.tar')
  rmSync(out, { force: true })
  await planResult({ verb: 'export', tree: view(), out })
  return readTar(readFileSync(out)).map(({ name, type, mode, uid, gid, data, link: target, device, pax }) => {
    const what =
      {
        '0': data.length > 100 ? `(${data.length})` : data.toString(),
        '1': `= ${target}`,
        '2': `-> ${target}`,
        '3': device,
        '4': device,
      }[type] ?? ''
    const marks = Object.keys(pax)
      .filter((key) => key.startsWith('SCHILY'))
      .map((key) => ` [${key.slice(13)}]`)
    return `${name} ${mode.toString(8)} ${uid}:${gid} ${what}${marks.join('')}`.trimEnd()
  })
}

interface Case {
  readonly lower?: readonly TarEntry[]
  readonly context?: readonly TarEntry[]
  readonly actions: () => readonly object[]
  readonly expected: readonly string[]
}

const tree = [
  dir('d', 0o711),
  file('d/top', 't'),
  dir('d/sub', 0o750),
  file('d/sub/in', 'i', 0o600),
  link('d/ln', 'top'),
  link('d/dangling', '/nowhere'),
  dir('d/empty', 0o700),
]
const passwd = [
  dir('etc'),
  file('etc/passwd', 'root:x:0:0::/:\napp:x:1234:1235::/:\nbad line\n'),
  file('etc/group', 'root:x:0:\nextra:x:3000:app\n'),
]

const cases: Readonly<Record<string, Case>> = {
  'a file to a new name, with parents': {
    context: [file('f')],
    actions: () => [copy('f', '/a/b/c')],
    expected: ['a/ 755 0:0', 'a/b/ 755 0:0', 'a/b/c 644 0:0 f'],
  },
  'a file into a directory that is there': {
    lower: [dir('have', 0o700, 9, 9)],
    context: [file('f')],
    actions: () => [copy('f', '/have')],
    expected: ['have/f 644 0:0 f'],
  },
  'a file to a destination that ends in a slash': {
    context: [file('f')],
    actions: () => [copy('f', '/new/')],
    expected: ['new/ 755 0:0', 'new/f 644 0:0 f'],
  },
  'a file to a destination that ends in a dot': {
    context: [file('f')],
    actions: () => [copy('f', '/new/.')],
    expected: ['new/ 755 0:0', 'new/f 644 0:0 f'],
  },
  'a directory: its content, and not its mode': {
    context: tree,
    actions: () => [copy('d', '/x')],
    expected: [
      'x/ 755 0:0',
      'x/dangling 777 0:0 -> /nowhere',
      'x/empty/ 700 0:0',
      'x/ln 777 0:0 -> top',
      'x/sub/ 750 0:0',
      'x/sub/in 600 0:0 i',
      'x/top 644 0:0 t',
    ],
  },
  'the root of the context': {
    context: [file('f'), dir('e', 0o750)],
    actions: () => [copy('', '/all/')],
    expected: ['all/ 755 0:0', 'all/e/ 750 0:0', 'all/f 644 0:0 f'],
  },
  'a directory into one that is there, which keeps its own metadata': {
    lower: [
      dir('x', 0o700, 9, 9),
      dir('x/sub', 0o777, 8, 8),
      file('x/sub/kept', 'k'),
      file('x/top', 'old', 0o600, 7, 7),
    ],
    context: tree.slice(0, 4),
    actions: () => [copy('d', '/x')],
    expected: ['x/sub/ 750 0:0', 'x/sub/in 600 0:0 i', 'x/top 644 0:0 t'],
  },
  'two files to one name: the last one stays': {
    context: [file('a'), file('b')],
    actions: () => [copy(['a', 'b'], '/dst')],
    expected: ['dst 644 0:0 b'],
  },
  'two files into a directory that is there': {
    lower: [dir('dst')],
    context: [file('a'), file('b')],
    actions: () => [copy(['a', 'b'], '/dst')],
    expected: ['dst/a 644 0:0 a', 'dst/b 644 0:0 b'],
  },
  'a pattern that matches nothing': { context: [file('a')], actions: () => [copy('*.nope', '/x/')], expected: [] },
  'a pattern: files by name, directories by content': {
    context: [file('a.txt'), file('b.txt'), dir('d1'), file('d1/x'), dir('d2'), file('d2/y')],
    actions: () => [copy('*.txt', '/t/'), copy('d*', '/dd/')],
    expected: [
      'dd/ 755 0:0',
      'dd/x 644 0:0 d1/x',
      'dd/y 644 0:0 d2/y',
      't/ 755 0:0',
      't/a.txt 644 0:0 a.txt',
      't/b.txt 644 0:0 b.txt',
    ],
  },
  'a link as source is followed, below it is kept': {
    context: [link('l', 'd/top'), ...tree.slice(0, 2), link('dl', 'd')],
    actions: () => [copy('l', '/f'), copy('dl', '/e')],
    expected: ['e/ 755 0:0', 'e/top 644 0:0 t', 'f 644 0:0 t'],
  },
  'links before the first wildcard are followed, behind it they are not': {
    context: [
      dir('real'),
      file('real/a.txt'),
      dir('real/sub'),
      file('real/sub/b.txt'),
      link('l', '/real'),
      link('real/m', 'sub'),
    ],
    actions: () => [copy('l/*.txt', '/x/'), copy('l/m/*.txt', '/y/'), copy('*/a.txt', '/z/'), copy('none/*', '/w/')],
    expected: [
      'x/ 755 0:0',
      'x/a.txt 644 0:0 real/a.txt',
      'y/ 755 0:0',
      'y/b.txt 644 0:0 real/sub/b.txt',
      'z/ 755 0:0',
      'z/a.txt 644 0:0 real/a.txt',
    ],
  },
  'a destination through links, absolute and relative': {
    lower: [
      dir('real'),
      link('abs', '/real'),
      dir('opt'),
      link('opt/up', '../real'),
      link('bin', 'usr/bin'),
      dir('usr'),
      dir('usr/bin'),
    ],
    context: [file('f')],
    actions: () => [copy('f', '/abs/one'), copy('f', '/opt/up/'), copy('f', '/bin/tool')],
    expected: ['real/f 644 0:0 f', 'real/one 644 0:0 f', 'usr/bin/tool 644 0:0 f'],
  },
  'a destination through a link that leaves the root': {
    lower: [link('out', '../../../../../tmp')],
    context: [file('f')],
    actions: () => [copy('f', '/out/x/f')],
    expected: ['tmp/ 755 0:0', 'tmp/x/ 755 0:0', 'tmp/x/f 644 0:0 f'],
  },
  'a file onto a link writes where it leads, also when nothing is there': {
    lower: [file('target', 'old'), link('lnk', '/target'), link('dang', 'missing')],
    context: [file('f')],
    actions: () => [copy('f', '/lnk'), copy('f', '/dang')],
    expected: ['missing 644 0:0 f', 'target 644 0:0 f'],
  },
  'a directory to a link that leads nowhere': {
    lower: [link('dd', '/not/there')],
    context: [dir('d'), file('d/x')],
    actions: () => [copy('d', '/dd/')],
    expected: ['not/ 755 0:0', 'not/there/ 755 0:0', 'not/there/x 644 0:0 d/x'],
  },
  'a file inside a directory replaces a link': {
    lower: [dir('x'), link('x/a', '/outside'), file('outside', 'o')],
    context: [dir('d'), file('d/a')],
    actions: () => [copy('d', '/x')],
    expected: ['x/a 644 0:0 d/a'],
  },
  'dots at the root': { context: [file('f')], actions: () => [copy('f', '/../../f2')], expected: ['f2 644 0:0 f'] },
  'owners by name, by number, unknown ones': {
    lower: passwd,
    context: [file('f')],
    actions: () =>
      (
        [
          ['app', null],
          ['app', 'extra'],
          ['7', null],
          ['7', 'extra'],
          ['ghost', null],
          ['app', 'ghosts'],
          ['7', 'ghosts'],
          ['', 'extra'],
          ['7', '8'],
        ] as const
      ).map(([user, group], i) => copy('f', `/${i}`, { owner: { user, group } })),
    expected: [
      '0 644 1234:1235 f',
      '1 644 1234:3000 f',
      '2 644 7:7 f',
      '3 644 7:3000 f',
      '4 644 0:0 f',
      '5 644 1234:1235 f',
      '6 644 7:7 f',
      '7 644 0:3000 f',
      '8 644 7:8 f',
    ],
  },
  'owners on a root without passwd': {
    context: [file('f')],
    actions: () => [copy('f', '/f', { owner: { user: 'root', group: 'root' } })],
    expected: ['f 644 0:0 f'],
  },
  'owner and octal mode also for directories that are made, and for links': {
    lower: [dir('have', 0o700, 9, 9)],
    context: [...tree.slice(0, 2), link('d/ln', 'top')],
    actions: () => [
      copy('d', '/p/q', { owner: { user: '1', group: '2' }, chmod: { octal: 0o2770 } }),
      copy('d/top', '/have/sub/', { owner: { user: '3', group: null } }),
    ],
    expected: [
      'have/sub/ 755 3:3',
      'have/sub/top 644 3:3 t',
      'p/ 750 1:2',
      'p/q/ 750 1:2',
      'p/q/ln 777 1:2 -> top',
      'p/q/top 2770 1:2 t',
    ],
  },
  'setuid, setgid and sticky bits survive owners and modes': {
    context: [
      file('s', 's', 0o6755),
      dir('d'),
      dir('d/sticky', 0o1777),
      dir('d/setgid', 0o2755),
      file('d/setgid/f', 'g'),
    ],
    actions: () => [copy('s', '/s1'), copy('s', '/s2', { owner: { user: '5', group: null } }), copy('d', '/d')],
    expected: [
      'd/ 755 0:0',
      'd/setgid/ 2755 0:0',
      'd/setgid/f 644 0:0 g',
      'd/sticky/ 1777 0:0',
      's1 6755 0:0 s',
      's2 6755 5:5 s',
    ],
  },
  'symbolic modes': {
    context: [file('f', 'f', 0o644), dir('d'), dir('d/s', 0o755), file('d/x', 'x', 0o644), file('d/y', 'y', 0o755)],
    actions: () =>
      ['u+x', 'go-r', 'u=rwX,go=rX', 'a+X,g+s', '=', 'o=u', 'ug=rw,o=', '+t', 'u+s,g-x', 'g=u-w'].map((symbolic, i) =>
        copy(i < 4 ? 'd' : 'f', `/m${i}`, { chmod: { symbolic } }),
      ),
    expected: [
      'm0/ 755 0:0',
      'm0/s/ 755 0:0',
      'm0/x 744 0:0 x',
      'm0/y 755 0:0 y',
      'm1/ 755 0:0',
      'm1/s/ 711 0:0',
      'm1/x 600 0:0 x',
      'm1/y 711 0:0 y',
      'm2/ 755 0:0',
      'm2/s/ 755 0:0',
      'm2/x 644 0:0 x',
      'm2/y 755 0:0 y',
      'm3/ 755 0:0',
      'm3/s/ 2755 0:0',
      'm3/x 2644 0:0 x',
      'm3/y 2755 0:0 y',
      'm4 0 0:0 f',
      'm5 646 0:0 f',
      'm6 660 0:0 f',
      'm7 1644 0:0 f',
      'm8 4644 0:0 f',
      'm9 644 0:0 f',
    ],
  },
  'excluded and re-included names': {
    context: [
      dir('d'),
      file('d/a.md'),
      file('d/b.txt'),
      dir('d/sub'),
      file('d/sub/c.md'),
      file('d/sub/keep'),
      dir('d/no'),
      file('d/no/yes'),
    ],
    actions: () => [copy('d', '/d', { exclude: patterns('*.md', 'sub/keep', 'no', '!no/yes') })],
    expected: [
      'd/ 755 0:0',
      'd/b.txt 644 0:0 d/b.txt',
      'd/no/ 755 0:0',
      'd/no/yes 644 0:0 d/no/yes',
      'd/sub/ 755 0:0',
      'd/sub/c.md 644 0:0 d/sub/c.md',
    ],
  },
  'ignored names': {
    context: [dir('src'), file('src/a'), dir('src/dist'), file('src/dist/b'), file('src/dist/keep')],
    actions: () => [copy('', '/c', { ignore: patterns('src/dist', '!src/dist/keep') })],
    expected: [
      'c/ 755 0:0',
      'c/src/ 755 0:0',
      'c/src/a 644 0:0 src/a',
      'c/src/dist/ 755 0:0',
      'c/src/dist/keep 644 0:0 src/dist/keep',
    ],
  },
  'parents are kept, with their modes': {
    context: [dir('a', 0o750), dir('a/b', 0o700), file('a/b/c'), dir('x'), dir('x/y'), file('x/y/z')],
    actions: () => [
      copy('a/b/c', '/one/', { parents: true }),
      copy('x/**/z', '/two', { parents: true }),
      { ...copy('', '/three/', { parents: true }), sources: [{ path: 'a/b/c', pivot: 1 }] },
    ],
    expected: [
      'one/ 755 0:0',
      'one/a/ 750 0:0',
      'one/a/b/ 700 0:0',
      'one/a/b/c 644 0:0 a/b/c',
      'three/ 755 0:0',
      'three/b/ 700 0:0',
      'three/b/c 644 0:0 a/b/c',
      'two/ 755 0:0',
      'two/x/ 755 0:0',
      'two/x/y/ 755 0:0',
      'two/x/y/z 644 0:0 x/y/z',
    ],
  },
  'hard links within one source stay linked': {
    context: [
      dir('d'),
      file('d/a'),
      { name: 'd/b', type: '1', link: 'd/a' },
      dir('d/s'),
      { name: 'd/s/c', type: '1', link: 'd/a' },
    ],
    lower: [dir('old')],
    actions: () => [copy('d', '/new'), copy('d', '/old')],
    expected: [
      'new/ 755 0:0',
      'new/a 644 0:0 d/a',
      'new/b 644 0:0 = new/a',
      'new/s/ 755 0:0',
      'new/s/c 644 0:0 = new/a',
      'old/a 644 0:0 d/a',
      'old/b 644 0:0 = old/a',
      'old/s/ 755 0:0',
      'old/s/c 644 0:0 = old/a',
    ],
  },
  'FIFOs and devices': {
    context: [
      dir('d'),
      { name: 'd/fifo', type: '6', mode: 0o620 },
      { name: 'd/null', type: '3', major: 1, minor: 3, mode: 0o666 },
      { name: 'd/loop', type: '4', major: 7, minor: 1 },
    ],
    actions: () => [copy('d', '/d'), copy('d/fifo', '/f')],
    expected: ['d/ 755 0:0', 'd/fifo 620 0:0', 'd/loop 644 0:0 7:1', 'd/null 666 0:0 1:3', 'f 620 0:0'],
  },
  'a context has no owners and no attributes': {
    context: [
      {
        ...file('f', 'f', 0o644, 11, 22),
        pax: {
          'SCHILY.xattr.user.x': 'y',
          'SCHILY.xattr.security.capability': '\x01\0\0\x02\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0',
        },
      },
    ],
    actions: () => [copy('f', '/f')],
    expected: ['f 644 0:0 f'],
  },
  'a stage has both, also under another owner': {
    context: [
      dir('d', 0o700, 3, 3),
      {
        ...file('d/f', 'f', 0o644, 11, 22),
        pax: {
          'SCHILY.xattr.user.x': 'y',
          'SCHILY.xattr.security.capability': '\x01\0\0\x02\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0',
        },
      },
      dir('d/e', 0o700, 4, 4),
    ],
    actions: () => [
      copy('d', '/d', { owners: 'keep' }),
      copy('d/f', '/g', { owners: 'keep', owner: { user: '5', group: null } }),
    ],
    expected: [
      'd/ 755 0:0',
      'd/e/ 700 4:4',
      'd/f 644 11:22 f [security.capability] [user.x]',
      'g 644 5:5 f [security.capability] [user.x]',
    ],
  },
  'names of any bytes and length': {
    context: [
      dir('d'),
      { name: Buffer.from([0x64, 0x2f, 0xff, 0xfe]), data: 'raw' },
      { ...file('x', 'l'), pax: { path: `d/${'n'.repeat(255)}` } },
    ],
    actions: () => [copy('d', '/d')],
    expected: ['d/ 755 0:0', `d/${'n'.repeat(255)} 644 0:0 l`, 'd/\xff\xfe 644 0:0 raw'],
  },
  'WORKDIR: what is missing belongs to the user, what is there stays': {
    lower: [...passwd, dir('have', 0o700, 9, 9)],
    actions: () => [
      { op: 'mkdir', path: '/have/a/b/', mode: 0o755, owner: { user: 'app', group: null } },
      { op: 'mkdir', path: '/have', mode: 0o755, owner: null },
    ],
    expected: ['have/a/ 755 1234:1235', 'have/a/b/ 755 1234:1235'],
  },
  'a heredoc by name, into a directory, and with mode and owner': {
    lower: [dir('etc')],
    actions: () => [
      { op: 'write', name: 'motd', dest: '/etc/', mode: 0o644, owner: null, chmod: null, data: 'hello\n', mtime: null },
      {
        op: 'write',
        name: 'x',
        dest: '/etc',
        mode: 0o644,
        owner: { user: '7', group: null },
        chmod: { octal: 0o755 },
        data: { b64: 'AP8=' },
        mtime: '5',
      },
      { op: 'write', name: 'y', dest: '/new/name', mode: 0o644, owner: null, chmod: null, data: '', mtime: null },
    ],
    expected: ['etc/motd 644 0:0 hello\n'.trimEnd(), 'etc/x 755 7:7 \0�', 'new/ 755 0:0', 'new/name 644 0:0'],
  },
  'one action sees what the one before it made': {
    context: [file('f'), dir('d'), file('d/x')],
    actions: () => [
      copy('d', '/app/'),
      copy('f', '/app/d'),
      copy('f', '/app/d'),
      copy('d', '/app'),
      copy('f', '/app/sub/'),
      copy('f', '/app/sub/deeper/'),
    ],
    expected: [
      'app/ 755 0:0',
      'app/d 644 0:0 f',
      'app/sub/ 755 0:0',
      'app/sub/deeper/ 755 0:0',
      'app/sub/deeper/f 644 0:0 f',
      'app/sub/f 644 0:0 f',
      'app/x 644 0:0 d/x',
    ],
  },
}

describe('copies as BuildKit does', () => {
  it.for(Object.entries(cases))('%s', async ([, { lower = [], context = [], actions, expected }]) => {
    await unpack('lower', lower)
    await unpack('context', context)
    expect(await changed(...actions())).toEqual(expected)
  })

  it('gives the DiffID of the layer, which packs to the same', async () => {
    await unpack('lower', passwd)
    await unpack('context', tree)
    const { layer } = await planResult(files(copy('d', '/etc/x'), copy('d/top', '/etc/')))
    const packed = await planResult({ verb: 'pack', tree: { kind: 'layers', lower: [at('upper')] }, out: null })
    const { diffId, size, entries, bytes } = packed
    expect(layer).toEqual({ diffId, size, entries, bytes })
    expect(entries).toBe(8)
  })

  it('changes nothing when the files are there already', async () => {
    await unpack('lower', [file('f', 'same')])
    await unpack('context', [file('f', 'same')])
    expect(await planResult(files(copy('f', '/f')))).toMatchObject({ layer: { entries: 0 } })
  })

  it('leaves the root as the layers below have it', async () => {
    await unpack('lower', [{ ...dir('./', 0o1700), uid: 3, gid: 4 }])
    await unpack('context', [file('f')])
    expect(await planResult(files(copy('f', '/f')))).toMatchObject({ layer: { entries: 1 } })
    expect(statSync(at('upper'))).toMatchObject({ mode: 0o41700, uid: 3, gid: 4 })
  })

  it('works on an empty root', async () => {
    await unpack('context', [file('f')])
    const plan = { ...files(copy('f', '/a/f')), target: { kind: 'layers', lower: [], upper: at('upper') } }
    expect(await planResult(plan)).toMatchObject({ layer: { entries: 2, bytes: 1 } })
  })

  it('keeps times, of directories too', async () => {
    await unpack('context', [dir('d'), dir('d/s'), file('d/s/f')])
    for (const [name, time] of [
      ['d/s/f', 11.5],
      ['d/s', 12.25],
      ['d', 13],
    ] as const)
      utimesSync(at('context', name), time, time)
    await planResult(files(copy('d', '/x'), copy('d/s/f', '/x/g')))
    expect(['x/s/f', 'x/s', 'x/g'].map((name) => lstatSync(at('upper', name)).mtimeMs)).toEqual([
      11_500, 12_250, 11_500,
    ])
  })

  it('keeps holes', async () => {
    writeFileSync(at('context/sparse'), 'begin')
    truncateSync(at('context/sparse'), 50_000_000)
    await planResult(files(copy('sparse', '/x/sparse')))
    expect(statSync(at('upper/x/sparse'))).toMatchObject({ size: 50_000_000 })
    expect(statSync(at('upper/x/sparse')).blocks).toBeLessThan(1000)
    execFileSync('cmp', [at('context/sparse'), at('upper/x/sparse')])
  })

  it('copies large files whole', async () => {
    const data = Buffer.alloc(3_333_333, 'abcdefg')
    writeFileSync(at('context/large'), data)
    await planResult(files(copy('large', '/x/large'), copy('large', '/large')))
    for (const name of ['x/large', 'large']) expect(readFileSync(at('upper', name)).equals(data)).toBe(true)
  })

  it('reads a stage through its layers', async () => {
    await unpack('context', [dir('d'), file('d/low'), file('d/gone'), file('d/over', 'old')])
    mkdirSync(at('second'))
    await unpack('second', [dir('d'), file('d/.wh.gone', ''), file('d/over', 'new')])
    const from = { kind: 'layers', lower: [at('second'), at('context')] }
    expect(await changed(copy('d', '/x', { from, owners: 'keep' }))).toEqual([
      'x/ 755 0:0',
      'x/low 644 0:0 d/low',
      'x/over 644 0:0 new',
    ])
  })
})

describe('archives', () => {
  const content = [
    { ...dir('./', 0o700), uid: 5 },
    file('one', '1', 0o600, 123, 456),
    dir('sub', 0o2750, 123, 456),
    file('sub/two', '2', 0o644, 123, 456),
    link('ln', 'one'),
    { name: 'hard', type: '1', link: 'one' } as TarEntry,
    file('.wh.kept', 'no whiteout here'),
  ].slice(0, 6)
  const expected = [
    'o/ 755 0:0',
    'o/hard 600 123:456',
    'o/ln 777 0:0 -> one',
    'o/one 600 123:456 = o/hard',
    'o/sub/ 2750 123:456',
    'o/sub/two 644 123:456 2',
  ]

  it.for([
    ['plain', (data: Buffer) => data],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['bzip2', bzip2],
    ['xz', xz],
  ] as [string, (data: Buffer) => Buffer][])('are known by their content and unpacked: %s', async ([, compress]) => {
    writeFileSync(at('context/a'), compress(tar(...content)))
    const lines = await changed(copy('a', '/o', { archives: 'auto' }))
    expect(lines.map((line) => line.replace(/ 1$/u, ''))).toEqual(expected)
  })

  it.for([
    ['no archive', Buffer.from('hello')],
    ['gzip of no archive', gzipSync('hello')],
    ['nothing', Buffer.alloc(0)],
    ['an archive without entries', tar()],
    ['a damaged gzip', gzipSync(tar(...content)).subarray(0, 15)],
  ] as [string, Buffer][])('are not seen in %s', async ([, data]) => {
    writeFileSync(at('context/a'), data)
    await planResult(files(copy('a', '/o/', { archives: 'auto' })))
    expect(readFileSync(at('upper/o/a')).equals(data)).toBe(true)
    rmSync(at('upper/o'), { recursive: true })
    expect(await planError(files(copy('a', '/o/', { archives: 'unpack' })))).toMatchObject({ code: 'LAYER_INVALID' })
  })

  it('give way to an owner, not to a mode', async () => {
    writeFileSync(at('context/a.tar'), tar(file('one', '1', 0o644, 5, 6)))
    expect(
      await changed(
        copy('a.tar', '/o/', { archives: 'auto', owner: { user: '7', group: '8' }, chmod: { octal: 0o700 } }),
      ),
    ).toEqual(['o/ 755 7:8', 'o/one 644 7:8 1'])
  })

  it('merge directories and replace all else', async () => {
    await unpack('lower', [
      dir('d'),
      dir('d/dir', 0o700, 1, 1),
      file('d/dir/keep', 'k'),
      file('d/file', 'old'),
      link('d/lnk', 'dir'),
      dir('d/was'),
      file('d/was/x', 'x'),
    ])
    writeFileSync(
      at('context/a.tar'),
      tar(dir('dir'), file('dir/n', 'n'), file('file', 'new'), dir('lnk'), file('lnk/t', 't'), file('was', 'file')),
    )
    expect(await changed(copy('a.tar', '/d', { archives: 'auto' }))).toEqual([
      'd/dir/ 755 0:0',
      'd/dir/n 644 0:0 n',
      'd/file 644 0:0 new',
      'd/lnk/ 755 0:0',
      'd/lnk/t 644 0:0 t',
      'd/was 644 0:0 file',
    ])
  })

  it('stay below their directory', async () => {
    await unpack('lower', [dir('o'), link('o/esc', '../../../..'), link('o/abs', '/')])
    writeFileSync(at('context/a.tar'), tar(file('esc/x', 'x'), file('abs/y', 'y')))
    expect(await changed(copy('a.tar', '/o', { archives: 'auto' }))).toEqual(['o/x 644 0:0 x', 'o/y 644 0:0 y'])
    writeFileSync(at('context/bad.tar'), tar(file('../../escape', 'x')))
    expect(await planError(files(copy('bad.tar', '/o', { archives: 'auto' })))).toMatchObject({
      code: 'LAYER_INVALID',
      path: '../../escape',
    })
  })

  it('are unpacked from a download', async () => {
    writeFileSync(at('download'), gzipSync(tar(file('one', '1'))))
    const action = {
      op: 'file',
      source: at('download'),
      name: 'a.tgz',
      mode: 0o600,
      mtime: '1000000000000000000',
      owner: null,
      chmod: null,
    }
    const lines = await changed(
      { ...action, dest: '/o/', archives: 'unpack' },
      { ...action, dest: '/kept/', archives: 'keep' },
    )
    expect(lines.slice(0, 1).concat(lines.slice(2))).toEqual(['kept/ 755 0:0', 'o/ 755 0:0', 'o/one 644 0:0 1'])
    expect(lstatSync(at('upper/kept/a.tgz'))).toMatchObject({ mode: 0o100600, mtimeMs: 1_000_000_000_000 })
  })
})

describe('faults', () => {
  it.for([
    [
      'a directory over a file',
      [dir('dst'), file('dst/a')],
      [dir('d'), dir('d/a'), file('d/a/x')],
      () => copy('d', '/dst'),
      { code: 'NOT_A_DIRECTORY', path: 'd/a' },
    ],
    [
      'a directory over a link to a directory',
      [dir('dst'), dir('real'), link('dst/a', '/real')],
      [dir('d'), dir('d/a')],
      () => copy('d', '/dst'),
      { code: 'NOT_A_DIRECTORY', path: 'd/a' },
    ],
    [
      'a directory to a file',
      [file('dst')],
      [dir('d'), file('d/x')],
      () => copy('d', '/dst'),
      { code: 'NOT_A_DIRECTORY' },
    ],
    [
      'a file over a directory',
      [dir('dst'), dir('dst/a')],
      [dir('d'), file('d/a')],
      () => copy('d', '/dst'),
      { code: 'IS_A_DIRECTORY', path: 'd/a' },
    ],
    ['a file below a file', [file('dst')], [file('f')], () => copy('f', '/dst/x'), { code: 'NOT_A_DIRECTORY' }],
    [
      'a file to a file that should be a directory',
      [file('dst')],
      [file('f')],
      () => copy('f', '/dst/'),
      { code: 'NOT_A_DIRECTORY' },
    ],
    [
      'a source that is not there',
      [],
      [file('f')],
      () => copy('missing', '/x'),
      { code: 'PATH_MISSING', path: 'missing' },
    ],
    [
      'a source that is a link to the outside',
      [],
      [link('esc', '../outside/secret')],
      () => copy('esc', '/x'),
      { code: 'PATH_MISSING', path: 'esc' },
    ],
    [
      'a source that is ignored',
      [],
      [file('f')],
      () => copy('f', '/x', { ignore: patterns('f') }),
      { code: 'PATH_MISSING', path: 'f' },
    ],
    [
      'a loop of links as destination',
      [link('a', 'b'), link('b', 'a')],
      [file('f')],
      () => copy('f', '/a/x'),
      { errno: 'ELOOP' },
    ],
    [
      'a malformed mode',
      [],
      [file('f')],
      () => copy('f', '/x', { chmod: { symbolic: 'u+q' } }),
      { code: 'PLAN_INVALID' },
    ],
    [
      'a malformed pattern',
      [],
      [file('f')],
      () => copy('f', '/x', { sources: [{ match: { segments: [['lit']] } }] }),
      { code: 'PLAN_INVALID' },
    ],
    ['an unknown action', [], [], () => ({ op: 'burn' }), { code: 'PLAN_INVALID' }],
  ] as [string, TarEntry[], TarEntry[], () => object, object][])(
    'refuses %s',
    async ([, lower, context, action, error]) => {
      await unpack('lower', lower)
      await unpack('context', context)
      expect(await planError(files(action()))).toMatchObject(error)
    },
  )

  it('refuses a name that is a mark of nothing', async () => {
    mkdirSync(at('context/d'))
    writeFileSync(at('context/d/.wh.'), '')
    expect(await planError(files(copy('d', '/')))).toMatchObject({ code: 'LAYER_INVALID', path: '.wh.' })
  })

  it('refuses a device that would be overlay’s mark for a deleted file', async () => {
    execFileSync('mknod', [at('context/w'), 'c', '0', '0'])
    expect(await planError(files(copy('w', '/x/')))).toMatchObject({ code: 'LAYER_INVALID', path: 'w' })
  })

  it('does not read a FIFO in place of passwd', async () => {
    await unpack('lower', [dir('etc'), { name: 'etc/passwd', type: '6' }, link('etc/group', '/dev/zero')])
    await unpack('context', [file('f')])
    expect(await changed(copy('f', '/f', { owner: { user: 'app', group: 'app' } }))).toEqual(['f 644 0:0 f'])
  })
})

describe('against a manifest', () => {
  async function walk(): Promise<void> {
    const selection = { id: 's', sources: [{ path: '' }], exclude: null, parents: false, manifest: at('manifest') }
    await planResult({
      verb: 'walk',
      root: { kind: 'dir', path: at('context') },
      ignore: null,
      index: null,
      owners: false,
      selections: [selection],
    })
  }
  beforeEach(async () => {
    await unpack('context', [dir('d'), file('d/a', 'aaaa'), file('d/b', 'bbbb')])
    await walk()
  })
  const copied = () => files(copy('', '/x', { manifest: at('manifest') }))

  it('copies what was walked', async () => {
    expect(await planResult(copied())).toMatchObject({ layer: { entries: 4, bytes: 8 } })
  })

  it.for([
    ['content', () => writeFileSync(at('context/d/a'), 'cccc'), 'd/a'],
    ['size', () => writeFileSync(at('context/d/b'), 'longer than it was'), 'd/b'],
    ['mode', () => execFileSync('chmod', ['600', at('context/d/a')]), 'd/a'],
    ['a new file', () => writeFileSync(at('context/d/aa'), ''), 'd'],
    ['a file that went away', () => rmSync(at('context/d/b')), 'd'],
    ['a file that became a link', () => execFileSync('ln', ['-sf', 'a', at('context/d/b')]), 'd'],
    ['a directory that became empty', () => rmSync(at('context/d'), { recursive: true }), ''],
  ] as [string, () => void, string][])('notices %s', async ([, change, path]) => {
    change()
    const error = await planError(copied())
    expect(error.code).toBe('FILE_CHANGED')
    if (path !== '') expect(error.path).toBe(path)
  })

  it.for([
    ['at once', 0],
    ['long after the walk', 3100],
  ] as const)('notices other content under the very same time stamps, %s', async ([, wait]) => {
    // The stamps of a file that is overwritten within one tick of the clock do not change; the manifest is made to say so.
    const before = readFileSync(at('manifest'))
    writeFileSync(at('context/d/a'), 'zzzz')
    await walk()
    const after = readFileSync(at('manifest'))
    const { atime, mtime } = statSync(at('manifest'))
    const digest = before.indexOf('d/a') - 32
    before.copy(after, digest, digest, digest + 32)
    writeFileSync(at('manifest'), after)
    utimesSync(at('manifest'), atime, mtime)
    await new Promise((resolve) => setTimeout(resolve, wait))
    expect(await planError(copied())).toMatchObject({ code: 'FILE_CHANGED', path: 'd/a' })
  })
})

describe('an earlier layer of the same copy', () => {
  const manifest = (name: string) => at(`manifest.${name}`)
  const walk = (name: string) =>
    planResult({
      verb: 'walk',
      root: { kind: 'dir', path: at('context') },
      ignore: null,
      index: null,
      owners: false,
      selections: [{ id: 's', sources: [{ path: '' }], exclude: null, parents: false, manifest: manifest(name) }],
    })
  async function build(
    name: string,
    more: object = {},
    commit: object = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    for (const part of ['up', 'wk']) mkdirSync(at(`${part}.${name}`))
    await walk(name)
    const tree = {
      kind: 'layers',
      lower: [at('lower')],
      upper: at(`up.${name}`),
      work: at(`wk.${name}`),
      volatile: true,
    }
    return planResult({
      verb: 'files',
      target: tree,
      actions: [copy('', '/app/', { manifest: manifest(name), ...more })],
      commit,
    })
  }
  /** Time stamps of the last two seconds do not tell whether a file has changed. */
  const settle = () => new Promise((resolve) => setTimeout(resolve, 3100))

  it('shares what is the same, and gives the same layer as a full copy', async () => {
    await unpack('context', [
      dir('d'),
      file('d/same', 'same'),
      file('d/edited', 'old!'),
      file('d/mode', 'm'),
      file('d/touched', 't'),
      file('d/twin1', 'twin'),
      { name: 'd/twin2', type: '1', link: 'd/twin1' },
      file('d/stale', 'aaaa'),
      dir('e'),
      file('e/f', 'f', 0o4755),
    ])
    await settle()
    const first = await build('1')
    const inode = (name: string, path: string): number => statSync(at(`up.${name}/app`, path)).ino
    const before = readFileSync(at('up.1/app/d/edited'), 'utf8')

    writeFileSync(at('context/d/edited'), 'new!')
    utimesSync(at('context/d/edited'), 1_000_000_000, 1_000_000_000)
    execFileSync('chmod', ['600', at('context/d/mode')])
    utimesSync(at('context/d/touched'), 5, 5)
    execFileSync('sh', ['-c', 'cp -p twin2 x && mv x twin2'], { cwd: at('context/d') })
    writeFileSync(at('context/d/added'), 'added')
    await settle()

    for (const known of [manifest('1'), null]) {
      const name = known ? '2' : '3'
      const second = await build(name, { reuse: { layer: at('up.1'), manifest: known } })
      const full = await build(`${name}.full`)
      expect(second['layer']).toEqual(full['layer'])
      expect(second['reused']).toBe(4)
      for (const path of ['d/same', 'd/stale', 'd/twin1', 'e/f']) expect(inode(name, path)).toBe(inode('1', path))
      for (const path of ['d/edited', 'd/mode', 'd/touched', 'd/twin2'])
        expect(inode(name, path)).not.toBe(inode('1', path))
      expect(readFileSync(at(`up.${name}/app/d/edited`), 'utf8')).toBe('new!')
    }
    expect(before).toBe('old!')
    expect(await planResult({ verb: 'pack', tree: { kind: 'layers', lower: [at('up.1')] }, out: null })).toMatchObject({
      diffId: (first['layer'] as { diffId: string }).diffId,
    })
  })

  it('does not share a file whose content is not what it was copied from', async () => {
    await unpack('context', [file('f', 'aaaa')])
    await settle()
    await build('1')
    writeFileSync(at('up.1/app/f'), 'bbbb')
    utimesSync(at('up.1/app/f'), 1_000_000_000, 1_000_000_000)
    expect(await build('2', { reuse: { layer: at('up.1'), manifest: null } })).toMatchObject({ reused: 0 })
    expect(readFileSync(at('up.2/app/f'), 'utf8')).toBe('aaaa')
  })

  describe('marks along its archive', () => {
    const marks = (name: string) => at(`marks.${name}`)
    const big = (at: number): string => `${at} `.repeat(700_000)
    const make = (
      name: string,
      more: object,
      dest = '/app/',
      earlier?: string,
    ): Promise<Readonly<Record<string, unknown>>> =>
      build(
        name,
        {
          ...more,
          dest,
          ...(earlier === undefined
            ? {}
            : { reuse: { layer: at(`up.${earlier}`), manifest: manifest(earlier), marks: marks(earlier) } }),
        },
        { marks: marks(name) },
      )

    beforeEach(async () => {
      await unpack('context', [
        dir('a'),
        ...[1, 2, 3, 4, 5].map((index) => file(`a/${index}`, big(index))),
        file('a.b', 'between'),
        dir('b'),
        file('b/x', 'x'),
        file('b/y', 'y'),
        { name: 'c', type: '2', link: 'a' },
      ])
      await settle()
    })

    const late = (path: string) => (): void => {
      writeFileSync(at(`context/${path}`), 'changed')
    }
    const nothing = { before: () => {}, more: {}, dest: '/app/' }
    const cases: Readonly<
      Record<string, Partial<typeof nothing> & { readonly change: () => void; readonly used: boolean }>
    > = {
      'a file near the end': { change: late('b/x'), used: true },
      'a file in the middle': { change: late('a/4'), used: true },
      'a link': { change: () => execFileSync('ln', ['-sfn', 'b', at('context/c')]), used: false },
      'a file that went away': { change: () => rmSync(at('context/b/y')), used: false },
      'a file with a second name': {
        before: () => execFileSync('ln', [at('context/a/1'), at('context/b/z')]),
        change: late('b/x'),
        used: false,
      },
      'a directory above that is made anew': { dest: '/new/app/', change: late('b/x'), used: false },
    }

    it.for(Object.entries(cases))('%s', { timeout: 60_000 }, async ([, { change, used, ...rest }]) => {
      const { before, more, dest } = { ...nothing, ...rest }
      before()
      if (rest.before !== undefined) await settle()
      await make('1', more, dest)
      change()
      await settle()
      const full = await make('full', more, dest)
      const again = await make('2', more, dest, '1')
      expect(again['layer']).toEqual(full['layer'])
      // Whether they count is seen when they are wrong.
      const wrong = readFileSync(marks('1'))
      for (let record = 8; record < wrong.length; record += 64 + wrong.readUInt32LE(record + 56))
        wrong.fill(0xff, record + 24, record + 56)
      writeFileSync(marks('1'), wrong)
      const misled = await make('3', more, dest, '1')
      const digests = [misled, full].map(({ layer }) => (layer as { diffId: string }).diffId)
      expect(digests[0] !== digests[1]).toBe(used)
    })

    it('are handed on', async () => {
      await make('1', {})
      for (const [name, earlier] of [
        ['2', '1'],
        ['3', '2'],
      ] as const) {
        writeFileSync(at('context/b/x'), name)
        await settle()
        const again = await make(name, {}, '/app/', earlier)
        expect(readFileSync(marks(name))).toEqual(readFileSync(marks('1')))
        expect(again['layer']).toEqual((await make(`full.${name}`, {}))['layer'])
      }
    })

    it('a file of them that is damaged is not believed', async () => {
      await make('1', {})
      writeFileSync(marks('1'), readFileSync(marks('1')).subarray(0, 100))
      late('b/x')()
      await settle()
      expect((await make('2', {}, '/app/', '1'))['layer']).toEqual((await make('full', {}))['layer'])
    })
  })

  it('goes on without a layer that is gone', async () => {
    await unpack('context', [file('f', 'aaaa')])
    expect(await build('1', { reuse: { layer: at('nowhere'), manifest: at('nowhere') } })).toMatchObject({
      reused: 0,
      layer: { entries: 2 },
    })
  })
})
