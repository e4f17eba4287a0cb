import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, open, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planError, planResult, runPlan } from '../helpers/native-plan.ts'

let root: string
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'tsbuild-plan-'))))
afterEach(() => rm(root, { recursive: true, force: true }))

describe('the protocol', () => {
  it('greets, answers once and exits with 0', async () => {
    const answer = await runPlan({ verb: 'remove', root, names: [] })
    expect(answer).toMatchObject({
      hello: { type: 'hello', protocol: 1 },
      result: { removed: 0 },
      exit: 0,
      error: undefined,
    })
  })

  it.for([
    ['no JSON', 'garbage', /cannot parse the plan/],
    ['an empty plan', '', /cannot parse the plan/],
    ['another protocol', '{"protocol":2,"verb":"remove"}', /'protocol' is 2/],
    ['an unknown verb', '{"protocol":1,"verb":"destroy"}', /unknown verb 'destroy'/],
    [
      'an unknown member',
      '{"protocol":1,"verb":"remove","root":"/","names":[],"force":true}',
      /unknown member 'force'/,
    ],
    ['a member twice', '{"protocol":1,"verb":"remove","verb":"lock"}', /duplicate/],
    ['a member of a wrong type', '{"protocol":1,"verb":"remove","root":"/","names":7}', /'names' must be an array/],
    ['a NUL in a path', '{"protocol":1,"verb":"remove","root":{"b64":"AGE="},"names":[]}', /NUL/],
    ['base64 that is none', '{"protocol":1,"verb":"remove","root":{"b64":"A=="},"names":[]}', /base64/],
    ['deep nesting', `{"protocol":1,"verb":${'['.repeat(100_000)}`, /nested deeper/],
    ['two documents', '{"protocol":1,"verb":"remove","root":"/","names":[]}{}', /cannot parse the plan/],
  ] as const)('refuses %s with PLAN_INVALID and exit status 2', async ([, plan, message]) => {
    const answer = await runPlan(plan)
    expect(answer).toMatchObject({ error: { code: 'PLAN_INVALID' }, exit: 2, result: undefined })
    expect(answer.error?.message).toMatch(message)
  })
})

describe('lock', () => {
  it('locks the open file of the caller, and a second open file sees it', async () => {
    const path = join(root, 'lock')
    await using first = await open(path, 'w')
    await using second = await open(path, 'r+')
    const lock = (fd: number, mode: string) => planResult({ verb: 'lock', fd: 5, mode, wait: false }, { fds: [fd] })
    expect(await lock(first.fd, 'exclusive')).toMatchObject({ locked: true })
    expect(await lock(second.fd, 'shared')).toMatchObject({ locked: false })
    expect(await lock(first.fd, 'none')).toMatchObject({ locked: true })
    expect(await lock(second.fd, 'shared')).toMatchObject({ locked: true })
    expect(await lock(first.fd, 'shared')).toMatchObject({ locked: true })
    expect(await lock(first.fd, 'exclusive')).toMatchObject({ locked: false })
  })

  it('stops waiting on SIGTERM', async () => {
    const path = join(root, 'lock')
    await using first = await open(path, 'w')
    await using second = await open(path, 'r+')
    await planResult({ verb: 'lock', fd: 5, mode: 'exclusive' }, { fds: [first.fd] })
    const stop = new AbortController()
    const answer = await runPlan(
      { verb: 'lock', fd: 5, mode: 'shared', wait: true },
      { fds: [second.fd], signal: stop.signal, onHello: () => setTimeout(() => stop.abort(), 100) },
    )
    expect(answer).toMatchObject({ error: { code: 'CANCELLED' }, exit: 1 })
  })

  it('names the descriptor that is not open', async () => {
    expect(await planError({ verb: 'lock', fd: 77, mode: 'shared' })).toMatchObject({
      code: 'NATIVE_FAILED',
      errno: 'EBADF',
      syscall: 'flock',
    })
  })
})

describe('remove', () => {
  it('removes trees of any shape and leaves everything else', async () => {
    await mkdir(join(root, 'store/7/a/b'), { recursive: true })
    await mkdir(join(root, 'outside'))
    await writeFile(join(root, 'outside/kept'), 'x')
    await writeFile(join(root, 'store/7/a/file'), 'x')
    await symlink(join(root, 'outside'), join(root, 'store/7/link'))
    await symlink(join(root, 'outside'), join(root, 'store/8'))
    await writeFile(join(root, 'store/9'), 'x')
    await mkdir(join(root, 'store/10'))
    const result = await planResult({ verb: 'remove', root: join(root, 'store'), names: ['7', '8', '9', 'missing'] })
    expect(result).toMatchObject({ removed: 7 })
    expect(await readdir(join(root, 'store'))).toEqual(['10'])
    expect(await readdir(join(root, 'outside'))).toEqual(['kept'])
  })

  it('shares the work with others that remove the same trees', async () => {
    const names = Array.from({ length: 500 }, (_, at) => String(at))
    for (const name of names) await mkdir(join(root, name, 'fs/etc'), { recursive: true })
    const results = await Promise.all(['a', 'b', 'c', 'd'].map(() => planResult({ verb: 'remove', root, names })))
    const removed = results.map((result) => Number(result['removed']))
    expect(removed.reduce((sum, one) => sum + one)).toBeGreaterThanOrEqual(3 * names.length)
    expect(await readdir(root)).toEqual([])
  })

  it.for(['..', '.', '', 'a/b', '/etc'])('refuses the name %j', async (name) => {
    expect(await planError({ verb: 'remove', root, names: ['good', name] })).toMatchObject({ code: 'PLAN_INVALID' })
  })

  it('stops at a mount and leaves what lies behind it', async () => {
    await mkdir(join(root, 'tree/a/mounted'), { recursive: true })
    await mkdir(join(root, 'elsewhere'))
    await writeFile(join(root, 'elsewhere/kept'), 'x')
    execFileSync('mount', ['--bind', join(root, 'elsewhere'), join(root, 'tree/a/mounted')])
    try {
      expect(await planError({ verb: 'remove', root, names: ['tree'] })).toMatchObject({
        code: 'NATIVE_FAILED',
        errno: 'EXDEV',
        path: 'mounted',
      })
    } finally {
      execFileSync('umount', [join(root, 'tree/a/mounted')])
    }
    expect(await readdir(join(root, 'elsewhere'))).toEqual(['kept'])
    expect(await planResult({ verb: 'remove', root, names: ['tree'] })).toMatchObject({ removed: 3 })
  })

  it('removes what the ids of a user namespace own, unreadable directories too', async () => {
    await mkdir(join(root, 'tree/closed/in'), { recursive: true })
    await writeFile(join(root, 'tree/closed/in/f'), 'x')
    execFileSync(
      'sh',
      [
        '-c',
        'chmod 755 . && chown -R 100000:100000 tree && chown 100000:100000 . && chmod 000 tree/closed/in tree/closed',
      ],
      { cwd: root },
    )
    const idmap = { uid: [[0, 100_000, 65_536]], gid: [[0, 100_000, 65_536]] }
    expect(await planResult({ verb: 'remove', root, names: ['tree'], idmap })).toMatchObject({ removed: 4 })
  })

  it('removes a directory that is thousands of levels deep', async () => {
    const script = 'mkdir "d"; chdir "d"; for (1..3000) { mkdir "d" or die; chdir "d" or die; open(F, ">f") or die }'
    execFileSync('perl', ['-e', script], { cwd: root }) // shells give up at PATH_MAX
    expect(await planResult({ verb: 'remove', root, names: ['d'] })).toMatchObject({ removed: 6001 })
    expect(await readdir(root)).toEqual([])
  })
})
