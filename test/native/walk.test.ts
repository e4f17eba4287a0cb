import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { compileIgnore, compileMatch } from '@dockerfile/parser'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { testCore } from '../helpers/core.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-walk-'))
  mkdirSync(context())
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const context = (...path: string[]): string => join(root, 'context', ...path)
function write(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(context(path)), { recursive: true })
  writeFileSync(context(path), content)
  chmodSync(context(path), mode)
}

interface Selected {
  readonly digest: string
  readonly files: number
  readonly bytes: number
  readonly sources: readonly {
    readonly count: number
    readonly kind?: string
    readonly paths: readonly string[]
    readonly near?: readonly string[]
  }[]
  readonly hidden: readonly { readonly source: number; readonly rule: number }[]
}
interface Walked {
  readonly selections: readonly Selected[]
  readonly hashed: number
  readonly remembered: number
}

function pattern(text: string): object {
  const compiled = compileMatch(text)
  if (!compiled.ok) throw new Error(`pattern ${text}`)
  return { match: compiled.value.toPlan() }
}

async function walk(
  sources: readonly (string | object)[],
  options: { ignore?: string; index?: string; exclude?: string; parents?: boolean } = {},
): Promise<Walked> {
  const answer = await testCore().call('walk', {
    root: { kind: 'dir', path: context() },
    ignore: options.ignore === undefined ? null : compileIgnore(options.ignore).toPlan(),
    index: options.index ?? null,
    owners: false,
    selections: [
      {
        id: 's',
        sources: sources.map((source) => (typeof source === 'string' ? { path: source } : source)),
        exclude: options.exclude === undefined ? null : compileIgnore(options.exclude).toPlan(),
        parents: options.parents ?? false,
        manifest: null,
      },
    ],
  })
  return answer as unknown as Walked
}
async function selected(...input: Parameters<typeof walk>): Promise<Selected> {
  return (await walk(...input)).selections[0]!
}

describe('the digest', () => {
  it.for([
    ['content', () => write('src/a.txt', 'one!')],
    ['a mode', () => chmodSync(context('src/a.txt'), 0o755)],
    ['a name', () => write('src/c.txt', '')],
    ['a link target', () => (rmSync(context('src/link')), symlinkSync('elsewhere', context('src/link')))],
    ['a type', () => (rmSync(context('src/link')), write('src/link', 'a.txt'))],
    ['the mode of the directory', () => chmodSync(context('src'), 0o700)],
  ] as const)('changes with %s', async ([, change]) => {
    write('src/a.txt', 'one')
    symlinkSync('a.txt', context('src/link'))
    const before = await selected(['src'])
    change()
    expect((await selected(['src'])).digest).not.toBe(before.digest)
  })

  it.for([
    ['times', () => utimesSync(context('src/a.txt'), 1, 2)],
    ['a file that is not selected', () => write('other.txt', 'x')],
    ['the same content written again', () => write('src/a.txt', 'one')],
    ['a hard link elsewhere', () => linkSync(context('src/a.txt'), context('hard'))],
  ] as const)('does not change with %s', async ([, change]) => {
    write('src/a.txt', 'one')
    const before = await selected(['src'])
    change()
    expect((await selected(['src'])).digest).toBe(before.digest)
  })

  it('tells which source a file belongs to', async () => {
    write('a/x', '1')
    mkdirSync(context('b'))
    const before = await selected(['a', 'b'])
    mkdirSync(context('c'))
    expect((await selected(['c', 'a'])).digest).not.toBe(before.digest)
  })

  it('covers files and bytes', async () => {
    write('src/a.txt', 'one')
    write('src/sub/b.txt', 'three')
    expect(await selected(['src'])).toMatchObject({
      files: 4,
      bytes: 8,
      sources: [{ count: 1, kind: 'dir', paths: ['src'] }],
    })
  })
})

describe('sources', () => {
  it('match patterns, in byte order, without descending into a match', async () => {
    write('a1.txt', '1')
    write('a0.txt', '0')
    write('b.txt', 'b')
    write('dir/a2.txt', '2')
    expect((await selected([pattern('a*.txt')])).sources).toMatchObject([{ count: 2, paths: ['a0.txt', 'a1.txt'] }])
    expect((await selected([pattern('*/a?.txt')])).sources).toMatchObject([{ count: 1, paths: ['dir/a2.txt'] }])
    expect((await selected([pattern('none*')])).sources).toEqual([{ count: 0, paths: [] }])
  })

  it('that are missing name what lies beside them', async () => {
    write('target/app.jar', 'x')
    expect((await selected(['target/ap.jar'])).sources).toEqual([{ count: 0, paths: [], near: ['app.jar'] }])
  })

  it('that are links are followed inside the root only', async () => {
    write('etc/passwd', 'inside')
    symlinkSync('/etc/passwd', context('link'))
    symlinkSync('../../../etc', context('up'))
    expect((await selected(['link'])).bytes).toBe(6)
    expect((await selected(['up'])).bytes).toBe(6)
  })

  it('keep their path with parents, less the pivot', async () => {
    write('a/b/c.txt', 'x')
    const kept = await selected([{ path: 'a/b/c.txt', pivot: 1 }], { parents: true })
    expect(kept.files).toBe(2)
    write('z/b/c.txt', 'x')
    expect((await selected([{ path: 'z/b/c.txt', pivot: 1 }], { parents: true })).digest).toBe(kept.digest)
    expect((await selected(['a/b/c.txt'], { parents: true })).files).toBe(3)
  })
})

describe('an ignore list', () => {
  beforeEach(() => {
    write('keep.txt', 'k')
    write('node_modules/a/index.js', 'a')
    write('node_modules/keep/index.js', 'b')
  })

  it('hides what it names, and says which rule hid a source', async () => {
    const found = await selected(['node_modules/a'], { ignore: 'x\nnode_modules\n' })
    expect(found.sources).toMatchObject([{ count: 0 }])
    expect(found.hidden).toEqual([{ source: 0, rule: 1 }])
  })

  it('gives the digest of a tree without what it hides', async () => {
    const hidden = await selected([''], { ignore: 'node_modules' })
    rmSync(context('node_modules'), { recursive: true })
    expect((await selected([''])).digest).toBe(hidden.digest)
  })

  it('shows a directory again for what is re-included below it', async () => {
    const found = await selected([''], { ignore: 'node_modules\n!node_modules/keep\n' })
    expect(found.files).toBe(5)
    rmSync(context('node_modules/a'), { recursive: true })
    expect((await selected([''])).digest).toBe(found.digest)
  })

  it('does not read a directory in which nothing can be shown again', async () => {
    mkdirSync(context('private'))
    rmSync(context('node_modules'), { recursive: true })
    symlinkSync('nowhere', context('private/link'))
    const before = statSync(context('private')).atimeMs
    await selected([''], { ignore: 'private\n!keep.txt' })
    expect(statSync(context('private')).atimeMs).toBe(before)
  })

  it('excludes below a source', async () => {
    const found = await selected(['node_modules'], { exclude: 'a\n' })
    expect(found.files).toBe(3)
  })
})

describe('remembered digests', () => {
  const old = new Date(Date.now() - 100_000)
  /** ctime cannot be set; the clock has to move past its granularity. */
  const settle = (): Promise<void> => delay(60)

  it('save reading what has not changed', async () => {
    const index = join(root, 'index')
    write('a', '1')
    write('b', '2')
    await settle()
    expect(await walk([''], { index })).toMatchObject({ hashed: 2, remembered: 0 })
    expect(await walk([''], { index })).toMatchObject({ hashed: 0, remembered: 2 })
    write('b', '3')
    await settle()
    expect(await walk([''], { index })).toMatchObject({ hashed: 1, remembered: 1 })
    expect(await walk([''], { index })).toMatchObject({ hashed: 0, remembered: 2 })
  })

  it('are not believed for same size and time with other content', async () => {
    const index = join(root, 'index')
    write('a', 'one')
    utimesSync(context('a'), old, old)
    await settle()
    const before = (await walk([''], { index })).selections[0]!
    writeFileSync(context('a'), 'two')
    utimesSync(context('a'), old, old)
    expect((await walk([''], { index })).selections[0]!.digest).not.toBe(before.digest)
  })

  it('are not kept for a file whose time lies ahead: the clock may have jumped', async () => {
    const index = join(root, 'index')
    write('a', 'one')
    const ahead = new Date(Date.now() + 3_600_000)
    utimesSync(context('a'), ahead, ahead)
    await settle()
    await walk([''], { index })
    expect(await walk([''], { index })).toMatchObject({ hashed: 1, remembered: 0 })
  })

  it.for([
    ['nothing', ''],
    ['garbage', 'x'.repeat(5000)],
    ['a false size', `tsbuild-files-1\0${'\xff'.repeat(64)}`],
  ] as const)('survive an index of %s', async ([, content]) => {
    const index = join(root, 'index')
    writeFileSync(index, content, 'latin1')
    write('a', 'one')
    await settle()
    expect(await walk([''], { index })).toMatchObject({ hashed: 1 })
    expect(await walk([''], { index })).toMatchObject({ remembered: 1 })
  })
})
