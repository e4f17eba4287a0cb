import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { delegatedCgroup } from '../../src/host/delegated-cgroup.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsbuild-cgroup-'))
  chmodSync(folder, 0o755)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const user = 54_321

/** A cgroup as the kernel shows it: owned by the user where it is delegated. */
function cgroup(
  path: string,
  options: { readonly delegated: boolean; readonly procs?: string; readonly handed?: string },
): void {
  const place = join(folder, 'cgroup', path)
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'cgroup.procs'), options.procs ?? '')
  writeFileSync(join(place, 'cgroup.controllers'), 'cpu memory pids\n')
  writeFileSync(join(place, 'cgroup.subtree_control'), options.handed ?? '')
  const files = ['.', 'cgroup.procs', 'cgroup.subtree_control'].map((file) => join(place, file))
  if (options.delegated) spawnSync('chown', [`${user}:${user}`, ...files])
}

function own(path: string, root = '/'): void {
  mkdirSync(join(folder, 'self'))
  writeFileSync(join(folder, 'self/cgroup'), `4:memory:/x\n0::${path}\n`)
  const line = `30 23 0:26 ${root} ${join(folder, 'cgroup')} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n`
  writeFileSync(join(folder, 'self/mountinfo'), `23 1 8:1 / / rw - ext4 /dev/x rw\n${line}`)
}

/** What a user without root's rights to everything finds. */
function found(): unknown {
  const script = `import('${join(import.meta.dirname, '../../src/host/delegated-cgroup.ts')}').then((m) => console.log(JSON.stringify(m.delegatedCgroup('${folder}') ?? null)))`
  const args = [
    `--reuid=${user}`,
    `--regid=${user}`,
    '--clear-groups',
    process.execPath,
    '--experimental-strip-types',
    '-e',
    script,
  ]
  const { stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

const session = '/user.slice/user-1.slice/user@1.service'
const asRoot = process.getuid?.() === 0
if (!asRoot) console.warn('skipped: only root can make directories for another user')

it.skipIf(!asRoot)('is the top-most one that is ours', () => {
  for (const path of ['/', '/user.slice', '/user.slice/user-1.slice']) cgroup(path, { delegated: false })
  cgroup(session, { delegated: true })
  cgroup(`${session}/app.slice`, { delegated: true, procs: '12\n' })
  own(`${session}/app.slice`)
  expect(found()).toEqual({ path: session, controllers: ['cpu', 'memory', 'pids'], crowded: false })
})

it.skipIf(!asRoot)('is nothing in a session that only root manages', () => {
  cgroup('/', { delegated: false })
  cgroup('/user.slice/session.scope', { delegated: false, procs: '12\n' })
  own('/user.slice/session.scope')
  expect(found()).toBeNull()
})

it.skipIf(!asRoot)('has only what is handed down already, where processes live in it', () => {
  cgroup('/', { delegated: true, procs: '12\n', handed: 'pids\n' })
  own('/')
  expect(found()).toEqual({ path: '/', controllers: ['pids'], crowded: true })
})

it.skipIf(!asRoot)('is found below a mount that shows a part of the hierarchy', () => {
  cgroup('/', { delegated: false })
  cgroup('/inner', { delegated: true })
  own('/machine/inner', '/machine')
  expect(found()).toMatchObject({ path: '/inner' })
})

it('is nothing where our cgroup is not in sight', () => {
  cgroup('/', { delegated: false })
  own('/../other')
  expect(delegatedCgroup(folder)).toBeUndefined()
})
