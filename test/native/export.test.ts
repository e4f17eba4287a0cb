import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planError, planResult } from '../helpers/native-plan.ts'
import { readTar, tar } from '../helpers/tar.ts'
import type { TarEntry } from '../helpers/tar.ts'
import { listTree } from '../helpers/tree-listing.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-export-'))
  for (const name of ['low', 'top', 'dest', 'outside']) mkdirSync(at(name))
  writeFileSync(at('outside/secret'), 'untouched')
})
afterEach(() => {
  expect(listTree(at('outside'))).toEqual(['secret f 644 0:0 "untouched"'])
  rmSync(root, { recursive: true, force: true })
})

const at = (...names: string[]): string => join(root, ...names)
const dir = (name: string, mode = 0o755): TarEntry => ({ name, type: '5', mode })
const file = (name: string, data = name): TarEntry => ({ name, data })

async function unpack(into: string, ...entries: TarEntry[]): Promise<void> {
  writeFileSync(at('blob'), tar(...entries))
  await planResult({
    verb: 'apply',
    blob: at('blob'),
    mediaCompression: 'none',
    mode: 'alone',
    target: { kind: 'dir', path: at(into) },
  })
}

describe('export', () => {
  const view = () => ({ kind: 'layers', lower: [at('top'), at('low')] })
  beforeEach(async () => {
    await unpack(
      'low',
      dir('etc'),
      file('etc/a'),
      file('etc/gone'),
      dir('usr'),
      dir('usr/lib', 0o700),
      file('usr/lib/x'),
      { name: 'lib', type: '2', link: 'usr/lib' },
      { name: 'etc/hard', type: '1', link: 'etc/a' },
      { name: 'out', type: '2', link: at('outside') },
    )
    await unpack('top', dir('etc'), file('etc/.wh.gone', ''), file('etc/new'), file('.wh.out', ''))
  })

  async function exported(plan: object): Promise<string[]> {
    rmSync(at('out.tar'), { force: true })
    const result = await planResult({ verb: 'export', tree: view(), out: at('out.tar'), ...plan })
    const archive = readFileSync(at('out.tar'))
    const entries = readTar(archive)
    expect(result).toMatchObject({ size: archive.length, entries: entries.length })
    return entries.map(({ name, type, link, data }) => `${name} ${type} ${link || data.toString()}`.trimEnd())
  }

  it('writes the merged view', async () => {
    expect(await exported({})).toEqual([
      'etc/ 5',
      'etc/a 0 etc/a',
      'etc/hard 1 etc/a',
      'etc/new 0 etc/new',
      'lib 2 usr/lib',
      'usr/ 5',
      'usr/lib/ 5',
      'usr/lib/x 0 usr/lib/x',
    ])
  })

  it('writes paths, under their last element or a name of choice', async () => {
    expect(
      await exported({ paths: ['/etc', '/lib/x', { path: 'lib/', name: 'l' }, { path: '/usr/lib', name: 'b' }] }),
    ).toEqual([
      'etc/ 5',
      'etc/a 0 etc/a',
      'etc/hard 1 etc/a',
      'etc/new 0 etc/new',
      'x 0 usr/lib/x',
      'l 2 usr/lib',
      'b/ 5',
      'b/x 0 usr/lib/x',
    ])
  })

  it('writes the root by name', async () => {
    expect((await exported({ paths: [{ path: '/', name: 'r' }] })).slice(0, 3)).toEqual([
      'r/ 5',
      'r/etc/ 5',
      'r/etc/a 0 etc/a',
    ])
  })

  it('does not show the marks of a layer that is read in place', async () => {
    expect(await exported({ tree: { kind: 'layers', lower: [at('top')] } })).toEqual(['etc/ 5', 'etc/new 0 etc/new'])
  })

  it.for([
    ['a path that is not there', { paths: ['/etc/gone'] }, { code: 'PATH_MISSING' }],
    ['a path below a file', { paths: ['/etc/a/b'] }, { code: 'NOT_A_DIRECTORY' }],
    ['a name with a slash', { paths: [{ path: '/etc', name: 'a/b' }] }, { code: 'PLAN_INVALID' }],
    ['an unknown member', { paths: [{ path: '/etc', to: 'x' }] }, { code: 'PLAN_INVALID' }],
  ] as const)('refuses %s and leaves no file', async ([, plan, error]) => {
    expect(await planError({ verb: 'export', tree: view(), out: at('out.tar'), ...plan })).toMatchObject(error)
    expect(existsSync(at('out.tar'))).toBe(false)
  })

  it('ends within the root, whatever links say', async () => {
    const from = { tree: { kind: 'layers', lower: [at('low')] } }
    expect(await planError({ verb: 'export', ...from, out: at('out.tar'), paths: ['/out/secret'] })).toMatchObject({
      code: 'PATH_MISSING',
    })
    expect(await exported({ ...from, paths: ['/../../etc/a'] })).toEqual(['a 0 etc/a'])
  })
})

describe('extract', () => {
  const extract = (archive: Buffer, more: object = {}) => {
    writeFileSync(at('in.tar'), archive)
    return { verb: 'extract', tree: { kind: 'dir', path: root }, in: at('in.tar'), dest: '/dest', ...more }
  }

  it('unpacks into a directory, keeping its own metadata', async () => {
    await planResult(
      extract(gzipSync(tar({ ...dir('./', 0o700), uid: 3 }, dir('d', 0o711), { ...file('d/f', 'x'), uid: 4, gid: 5 }))),
    )
    expect(listTree(at('dest'))).toEqual(['d d 711 0:0', 'd/f f 644 4:5 "x"'])
    expect(lstatSync(at('dest')).mode & 0o7777).toBe(0o755)
  })

  it('gives everything to an owner', async () => {
    await planResult(
      extract(tar({ ...file('f', 'x'), uid: 4, gid: 5 }, { name: 'l', type: '2', link: 'f' }), {
        owner: { user: '7', group: '8' },
      }),
    )
    expect(listTree(at('dest'))).toEqual(['f f 644 7:8 "x"', 'l l 7:8 -> f'])
  })

  it('reads a stream from a pipe', async () => {
    const fifo = at('fifo')
    execFileSync('mkfifo', [fifo])
    const { openSync, closeSync, constants } = await import('node:fs')
    const fd = openSync(fifo, constants.O_RDWR)
    const writer = execFileSync.bind(null, 'sh', ['-c', `cat > ${fifo}`], { input: tar(file('f', 'x')) })
    const done = planResult(
      { ...extract(Buffer.alloc(0)), in: { fd: 5 } },
      { fds: [openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)] },
    ).catch((error: unknown) => error)
    writer()
    closeSync(fd)
    expect(await done).toMatchObject({ type: 'result' })
    expect(listTree(at('dest'))).toEqual(['f f 644 0:0 "x"'])
  })

  it.for([
    ['a file over a directory', [dir('x')], [file('x', 'file')], { code: 'IS_A_DIRECTORY', path: 'x' }],
    ['a directory over a file', [file('x')], [dir('x')], { code: 'NOT_A_DIRECTORY', path: 'x' }],
    [
      'a link over a directory',
      [dir('x')],
      [{ name: 'x', type: '2', link: '/' }],
      { code: 'IS_A_DIRECTORY', path: 'x' },
    ],
  ] as [string, TarEntry[], TarEntry[], object][])('replaces or refuses %s', async ([, before, entries, error]) => {
    await unpack('dest', ...before)
    const kept = listTree(at('dest'))
    expect(await planError(extract(tar(...entries), { conflicts: 'refuse' }))).toMatchObject(error)
    expect(listTree(at('dest'))).toEqual(kept)
    await planResult(extract(tar(...entries), { conflicts: 'replace' }))
    expect(listTree(at('dest'))).not.toEqual(kept)
  })

  it.for([
    ['".." in a path', [file('../outside/secret', 'owned')], { code: 'LAYER_INVALID' }],
    ['".." in a hard link', [{ name: 'h', type: '1', link: '../outside/secret' }], { code: 'LAYER_INVALID' }],
  ] as [string, TarEntry[], object][])('refuses %s', async ([, entries, error]) => {
    expect(await planError(extract(tar(...entries)))).toMatchObject(error)
    expect(readdirSync(at('dest'))).toEqual([])
  })

  it('stays in the directory when a link leads out of it', async () => {
    await planResult(
      extract(
        tar(
          { name: 'l', type: '2', link: at('outside') },
          file('l/secret', 'owned'),
          { name: 'up', type: '2', link: '../outside' },
          file('up/secret', 'owned'),
        ),
      ),
    )
    expect(listTree(at('dest')).filter((line) => line.includes('owned'))).toHaveLength(2)
  })

  it.for([
    ['a destination that is not there', { dest: '/nowhere' }, { code: 'PATH_MISSING' }],
    ['a destination that is a file', { dest: '/outside/secret' }, { code: 'NOT_A_DIRECTORY' }],
    ['a tree that is read-only', { tree: { kind: 'layers', lower: ['/tmp'] } }, { code: 'PLAN_INVALID' }],
  ] as const)('refuses %s', async ([, plan, error]) => {
    expect(await planError(extract(tar(), plan))).toMatchObject(error)
  })
})

describe('stat', () => {
  it('tells where a path leads', async () => {
    await unpack(
      'low',
      dir('usr'),
      dir('usr/lib'),
      file('usr/lib/x', 'data'),
      { name: 'lib', type: '2', link: 'usr/lib' },
      { name: 'lib2', type: '2', link: '/lib/x' },
    )
    const stat = (path: string, follow: boolean) =>
      planResult({ verb: 'stat', tree: { kind: 'dir', path: at('low') }, path, follow })
    expect(await stat('/lib2', true)).toMatchObject({ name: 'lib2', size: 4, linkTarget: '', resolved: 'usr/lib/x' })
    expect(await stat('/lib2', false)).toMatchObject({ name: 'lib2', linkTarget: '/lib/x', resolved: 'lib2' })
    expect(await stat('/', true)).toMatchObject({ name: '', resolved: '' })
  })
})

describe('probe', () => {
  it('says of each feature whether it is there, or the errno', async () => {
    const { features, kernel, cgroup } = await planResult({ verb: 'probe' })
    expect(kernel).toMatch(/^\d+\.\d+/u)
    expect(cgroup).toMatchObject({ version: expect.stringMatching(/^(v1|v2|hybrid|none)$/u) })
    for (const [name, feature] of Object.entries(features as Record<string, { available: boolean; errno?: string }>)) {
      expect([name, feature]).toEqual([
        name,
        feature.available ? { available: true } : { available: false, errno: expect.stringMatching(/^E/u) },
      ])
    }
  })
})
