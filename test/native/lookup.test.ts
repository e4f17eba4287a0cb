import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Answer } from '../../src/host/native.ts'
import { testCore } from '../helpers/core.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-lookup-'))
  mkdirSync(join(root, 'etc'))
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nbroken\nwww-data:x:33:33:www:/var/www:/bin/false\n1000:x:7:8::/odd:\napp:x:1000:1001::/home/app:/bin/sh\n',
  )
  writeFileSync(
    join(root, 'etc/group'),
    'root:x:0:\nadm:x:4:syslog,app\naudio:x:29:app\nwww-data:x:33:\nwide:x:99:application\n',
  )
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const tree = (): object => ({ kind: 'dir', path: root })
const lookup = (user: string, groups: readonly string[] = []): Promise<Answer> =>
  testCore().call('lookup', { tree: tree(), user, groups })

describe('lookup', () => {
  it.for([
    ['', [], { uid: 0, gid: 0, groups: [], home: '/root' }],
    ['app', [], { uid: 1000, gid: 1001, groups: [4, 29], home: '/home/app' }],
    ['app:www-data', [], { uid: 1000, gid: 33, groups: [], home: '/home/app' }],
    ['app:4444', ['audio', '77'], { uid: 1000, gid: 4444, groups: [29, 77], home: '/home/app' }],
    ['33', [], { uid: 33, gid: 33, groups: [], home: '/var/www' }],
    ['4242', [], { uid: 4242, gid: 0, groups: [], home: '' }],
    ['4242:adm', [], { uid: 4242, gid: 4, groups: [], home: '' }],
    [':adm', [], { uid: 0, gid: 4, groups: [], home: '/root' }],
    ['1000', [], { uid: 7, gid: 8, groups: [], home: '/odd' }],
  ] as const)('resolves "%s" with groups %j', async ([user, groups, identity]) => {
    expect(await lookup(user, groups)).toMatchObject(identity)
  })

  it.for([
    ['ghost', []],
    ['app:ghosts', []],
    ['app', ['ghosts']],
    ['-1', []],
    ['4294967295', []],
  ] as const)('refuses "%s" with groups %j', async ([user, groups]) => {
    await expect(lookup(user, groups)).rejects.toMatchObject({ code: 'USER_UNKNOWN' })
  })

  it('works without passwd and group', async () => {
    rmSync(join(root, 'etc'), { recursive: true })
    expect(await lookup('12:34')).toMatchObject({ uid: 12, gid: 34, home: '' })
  })

  it('does not hang at a FIFO and does not leave the root through a link', async () => {
    rmSync(join(root, 'etc/passwd'))
    execFileSync('mkfifo', [join(root, 'etc/passwd')])
    rmSync(join(root, 'etc/group'))
    symlinkSync('/../../../../../../etc/group', join(root, 'etc/group'))
    await expect(lookup('daemon')).rejects.toMatchObject({ code: 'USER_UNKNOWN' })
    await expect(lookup('0:daemon')).rejects.toMatchObject({ code: 'USER_UNKNOWN' })
  })
})

describe('read and stat', () => {
  it('read one file below the root', async () => {
    chmodSync(join(root, 'etc/group'), 0o640)
    symlinkSync('/etc/group', join(root, 'link'))
    const answer = await testCore().call('read', { tree: tree(), path: '/link' })
    expect(Buffer.from((answer['data'] as { b64: string }).b64, 'base64').toString()).toMatch(/^root:x:0:/)
    expect(answer['mode']).toBe(0o100640)
  })

  it('name what is missing, too large or no file', async () => {
    await expect(testCore().call('read', { tree: tree(), path: '/none' })).rejects.toMatchObject({
      code: 'PATH_MISSING',
      errno: 'ENOENT',
    })
    await expect(testCore().call('read', { tree: tree(), path: '/etc/group', limit: 3 })).rejects.toMatchObject({
      code: 'SIZE_MISMATCH',
    })
    await expect(testCore().call('read', { tree: tree(), path: '/etc' })).rejects.toThrow(/not a regular file/)
  })

  it('tell a link apart from its target', async () => {
    symlinkSync('etc/group', join(root, 'link'))
    expect(await testCore().call('stat', { tree: tree(), path: '/link', follow: false })).toMatchObject({
      name: 'link',
      linkTarget: 'etc/group',
    })
    expect(await testCore().call('stat', { tree: tree(), path: '/link' })).toMatchObject({
      name: 'link',
      linkTarget: '',
      mode: 0o100644,
    })
  })
})

describe('changes and usage', () => {
  it('tell what an upper directory adds, changes and deletes', async () => {
    const upper = join(root, 'upper')
    mkdirSync(join(upper, 'etc'), { recursive: true })
    mkdirSync(join(upper, 'new'))
    writeFileSync(join(upper, 'new/file'), 'x')
    writeFileSync(join(upper, 'etc/group'), 'changed')
    execFileSync('mknod', [join(upper, 'etc/passwd'), 'c', '0', '0'])
    const lower = join(root, 'lower')
    mkdirSync(lower)
    execFileSync('cp', ['-a', join(root, 'etc'), lower])
    execFileSync('touch', ['-r', join(lower, 'etc'), join(upper, 'etc')])
    const seen: string[] = []
    await testCore().call(
      'changes',
      { tree: { kind: 'layers', lower: [lower], upper, work: join(root, 'work') } },
      { onEvent: (event) => seen.push(`${String(event['change'])} ${String(event['path'])}`) },
    )
    expect(seen).toEqual(['C /etc/group', 'D /etc/passwd', 'A /new', 'A /new/file'])
  })

  it('count the bytes on the disk, and none for what is not there', async () => {
    writeFileSync(join(root, 'big'), Buffer.alloc(100_000, 'x'))
    const { bytes } = (await testCore().call('usage', { paths: [root, join(root, 'none')] })) as {
      bytes: readonly number[]
    }
    expect(bytes[0]).toBeGreaterThanOrEqual(100_000)
    expect(bytes[1]).toBe(0)
  })
})
