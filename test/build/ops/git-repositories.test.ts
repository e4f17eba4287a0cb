import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createGitRepositories } from '../../../src/build/ops/git-repositories.ts'
import type { GitWant } from '../../../src/build/ops/git-repositories.ts'
import { tempDir } from '../temp-dir.ts'

const { signal } = new AbortController()
const committed = Date.UTC(2022, 1, 3, 4, 5, 6)
const env = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@x',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@x',
  GIT_AUTHOR_DATE: new Date(committed).toISOString(),
  GIT_COMMITTER_DATE: new Date(committed).toISOString(),
}

function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, env, encoding: 'utf8' }).trim()
}

/** A repository with two commits: the first is tagged v1, `main` is the second, `side` a branch of the first. */
function repository(): { readonly path: string; readonly first: string; readonly second: string } {
  const path = tempDir()
  git(path, 'init', '-q', '-b', 'main')
  mkdirSync(join(path, 'sub'))
  writeFileSync(join(path, 'sub', 'f'), 'one')
  git(path, 'add', '.')
  git(path, 'commit', '-q', '-m', 'one')
  git(path, 'tag', '-a', 'v1', '-m', 'v1')
  git(path, 'branch', 'side')
  writeFileSync(join(path, 'sub', 'f'), 'two')
  git(path, 'commit', '-q', '-a', '-m', 'two')
  return { path, first: git(path, 'rev-parse', 'v1^{commit}'), second: git(path, 'rev-parse', 'main') }
}

function want(remote: string, more: Partial<GitWant> = {}): GitWant {
  return { remote, ref: '', subdir: '', keepGitDir: false, submodules: true, mtime: 'checkout', ...more }
}

const repositories = () => createGitRepositories({ env: async () => ({ PATH: env.PATH, HOME: env.HOME }) })

describe('git repositories', () => {
  it('resolves the default branch, branches, tags and commits', async () => {
    const { path, first, second } = repository()
    const { resolve } = repositories()
    expect(await resolve(want(path), signal)).toBe(second)
    expect(await resolve(want(path, { ref: 'side' }), signal)).toBe(first)
    expect(await resolve(want(path, { ref: 'v1' }), signal)).toBe(first)
    expect(await resolve(want(path, { ref: 'refs/heads/main' }), signal)).toBe(second)
    expect(await resolve(want('/nowhere', { ref: first }), signal)).toBe(first)
  })

  it('checks out a commit without .git', async () => {
    const { path, first } = repository()
    const folder = join(tempDir(), 'out')
    const made = await repositories().checkout(want(path, { ref: 'v1', mtime: 'commit' }), first, folder, signal)
    expect(readFileSync(join(folder, 'sub', 'f'), 'utf8')).toBe('one')
    expect(existsSync(join(folder, '.git'))).toBe(false)
    expect(made).toEqual({ committed, path: folder })
    expect(statSync(join(folder, 'sub', 'f')).mtimeMs).toBe(committed)
  })

  it('keeps .git when asked', async () => {
    const { path, first, second } = repository()
    const folder = join(tempDir(), 'out')
    await repositories().checkout(want(path, { keepGitDir: true }), second, folder, signal)
    expect(git(folder, 'rev-parse', 'HEAD')).toBe(second)
    const tagged = join(tempDir(), 'out')
    await repositories().checkout(want(path, { ref: 'v1', keepGitDir: true }), first, tagged, signal)
    expect(git(tagged, 'describe')).toBe('v1')
  })

  it('gives a subdirectory, and none that a link of the repository leads to', async () => {
    const { path } = repository()
    symlinkSync('/etc', join(path, 'evil'))
    symlinkSync('..', join(path, 'sub', 'up'))
    git(path, 'add', '.')
    git(path, 'commit', '-q', '-m', 'links')
    const commit = git(path, 'rev-parse', 'main')
    const checkout = (subdir: string): Promise<{ readonly path: string }> =>
      repositories().checkout(want(path, { subdir }), commit, join(tempDir(), 'out'), signal)
    expect((await checkout('x/../sub')).path).toMatch(/\/out\/sub$/)
    for (const subdir of ['evil', 'evil/ssl', 'sub/up', 'sub/f', 'nope', '../../etc']) {
      await expect(checkout(subdir), subdir).rejects.toMatchObject({ code: 'GIT_FAILED', details: { subdir } })
    }
  })

  it.for<[string, Partial<GitWant>, string]>([
    ['an unknown reference', { ref: 'nope' }, 'GIT_FAILED'],
    ['another commit than wanted', { ref: 'v1', checksum: 'abcdef0' }, 'DIGEST_MISMATCH'],
  ])('refuses %s', async ([, more, code]) => {
    await expect(repositories().resolve(want(repository().path, more), signal)).rejects.toMatchObject({ code })
  })

  it('says that a repository is not there, and that git is missing', async () => {
    await expect(repositories().resolve(want('/nowhere'), signal)).rejects.toMatchObject({ code: 'GIT_FAILED' })
    const without = createGitRepositories({ env: async () => ({ PATH: '/nonexistent' }) })
    await expect(without.resolve(want('/nowhere'), signal)).rejects.toMatchObject({
      code: 'GIT_FAILED',
      hint: 'Install git',
    })
  })

  it('does not take a reference for an option', async () => {
    await expect(
      repositories().resolve(want(repository().path, { ref: '--upload-pack=x' }), signal),
    ).rejects.toMatchObject({
      code: 'GIT_FAILED',
    })
  })
})
