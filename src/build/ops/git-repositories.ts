import { lstat, lutimes, mkdir, readdir, rm } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { TsbuildError, hasCode, hasErrno, messageOf } from '../../base/errors.ts'
import { processOutput } from '../../base/process-output.ts'

/** What is wanted of a repository. */
export interface GitWant {
  readonly remote: string
  /** Branch, tag, commit; empty for the default branch. */
  readonly ref: string
  readonly subdir: string
  readonly keepGitDir: boolean
  readonly submodules: boolean
  readonly mtime: 'checkout' | 'commit'
  readonly checksum?: string
}

export interface GitRepositories {
  /** The commit that the reference names, asked of the remote once a build; a full commit is taken as it is. GIT_FAILED. */
  resolve(want: GitWant, signal: AbortSignal): Promise<string>
  /** Makes `folder` a checkout of the commit. GIT_FAILED, also for a subdirectory that is none. */
  checkout(want: GitWant, commit: string, folder: string, signal: AbortSignal): Promise<GitCheckout>
}

export interface GitCheckout {
  /** Time of the commit in milliseconds. */
  readonly committed: number
  /** The subdirectory that is wanted. */
  readonly path: string
}

export interface GitOptions {
  /** Environment of git: PATH, HOME, SSH agent and what the user's secrets add. */
  readonly env: (remote: string) => Promise<Readonly<Record<string, string>>>
}

const fullCommit = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/

/** Repositories by the git program of the host. */
export function createGitRepositories({ env }: GitOptions): GitRepositories {
  const resolved = new Map<string, Promise<string>>()

  async function git(want: GitWant, args: readonly string[], signal: AbortSignal, cwd?: string): Promise<string> {
    const where = cwd === undefined ? [] : ['-C', cwd]
    try {
      // No hooks, no prompts, no protocols that run programs: the repository is not trusted.
      return await processOutput(
        'git',
        [
          ...where,
          '-c',
          'core.hooksPath=/dev/null',
          '-c',
          'protocol.ext.allow=never',
          '-c',
          'advice.detachedHead=false',
          ...args,
        ],
        { signal, env: { ...(await env(want.remote)), GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' } },
      )
    } catch (error) {
      if (hasCode(error, 'CANCELLED')) throw error
      const isMissing = error instanceof Error && hasErrno(error.cause, 'ENOENT')
      throw new TsbuildError(
        'GIT_FAILED',
        `Cannot fetch git repository "${want.remote}": ${isMissing ? 'git is not installed' : messageOf(error)}`,
        {
          cause: error,
          ...(isMissing ? { hint: 'Install git' } : {}),
          details: { remote: want.remote, ref: want.ref },
        },
      )
    }
  }

  async function ask(want: GitWant, signal: AbortSignal): Promise<string> {
    if (fullCommit.test(want.ref)) return want.ref
    const wanted = want.ref === '' ? 'HEAD' : want.ref
    const listing = await git(want, ['ls-remote', '--', want.remote, wanted, `${wanted}^{}`], signal)
    const found = new Map(
      listing
        .split('\n')
        .map((line) => line.split('\t') as [string, string])
        .map(([sha, name]) => [name, sha]),
    )
    const names = want.ref === '' ? ['HEAD'] : [want.ref, `refs/heads/${want.ref}`, `refs/tags/${want.ref}`]
    // `^{}` is the commit that an annotated tag points to.
    const commit = names.flatMap((name) => [found.get(`${name}^{}`), found.get(name)]).find((sha) => sha !== undefined)
    if (commit !== undefined) return commit
    throw new TsbuildError(
      'GIT_FAILED',
      `Cannot fetch git repository "${want.remote}": it has no reference "${wanted}"`,
      {
        details: { remote: want.remote, ref: wanted },
      },
    )
  }

  return {
    async resolve(want, signal) {
      const key = `${want.remote}\0${want.ref}`
      const asked = resolved.get(key) ?? ask(want, signal)
      resolved.set(key, asked)
      const commit = await asked
      if (want.checksum === undefined || commit.startsWith(want.checksum)) return commit
      throw new TsbuildError(
        'DIGEST_MISMATCH',
        `Cannot use "${want.remote}#${want.ref}": it is commit ${commit}, wanted is ${want.checksum}`,
        {
          details: { want: want.checksum, got: commit },
        },
      )
    },
    async checkout(want, commit, folder, signal) {
      await mkdir(folder, { recursive: true, mode: 0o755 })
      await git(want, ['init', '--quiet', '--initial-branch=main', folder], signal)
      await git(want, ['remote', 'add', 'origin', want.remote], signal, folder)
      const byName = want.ref !== '' && !fullCommit.test(want.ref)
      const source = byName ? want.ref : commit
      await git(
        want,
        ['fetch', '--quiet', '--depth=1', '--no-tags', '--end-of-options', 'origin', source],
        signal,
        folder,
      ).catch(
        // Some servers give no single commits.
        () => git(want, ['fetch', '--quiet', '--tags', 'origin'], signal, folder),
      )
      if (want.keepGitDir && byName && !want.ref.startsWith('refs/')) {
        const tag = `refs/tags/${want.ref}`
        // So that `git describe` knows it; a branch has no such reference.
        await git(
          want,
          ['fetch', '--quiet', '--depth=1', '--no-tags', 'origin', `${tag}:${tag}`],
          signal,
          folder,
        ).catch((error: unknown) => {
          if (!hasCode(error, 'GIT_FAILED')) throw error
        })
      }
      await git(want, ['checkout', '--quiet', '--force', '--detach', commit], signal, folder)
      if (want.submodules) {
        await git(want, ['submodule', 'update', '--quiet', '--init', '--recursive', '--depth=1'], signal, folder)
      }
      const seconds = Number(await git(want, ['show', '--no-patch', '--format=%ct', commit], signal, folder))
      if (!want.keepGitDir) await removeGitDirs(folder)
      if (want.mtime === 'commit') await setTimes(folder, seconds)
      return { committed: seconds * 1000, path: await subdirectory(want, folder) }
    },
  }
}

/** As in BuildKit no part of it may be a link: the repository decides where that leads, to files of the host as well. */
async function subdirectory({ remote, ref, subdir }: GitWant, folder: string): Promise<string> {
  let path = folder
  for (const name of posix.join('/', subdir).split('/')) {
    path = join(path, name)
    const found = await lstat(path).catch((error: unknown) => {
      if (hasErrno(error, 'ENOENT')) return undefined
      throw error
    })
    if (found?.isDirectory() === true) continue
    const problem = found === undefined ? 'it has no folder' : 'what it has there is no folder:'
    throw new TsbuildError('GIT_FAILED', `Cannot use git repository "${remote}": ${problem} "${subdir}"`, {
      details: { remote, ref, subdir },
    })
  }
  return path
}

/** Takes `.git` away, and the links to it that submodules have. */
async function removeGitDirs(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.name === '.git') await rm(path, { recursive: true, force: true })
    else if (entry.isDirectory()) await removeGitDirs(path)
  }
}

async function setTimes(folder: string, seconds: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await setTimes(path, seconds)
    else await lutimes(path, seconds, seconds)
  }
  await lutimes(folder, seconds, seconds)
}
