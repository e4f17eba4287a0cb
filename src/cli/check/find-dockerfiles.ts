import { readdir } from 'node:fs'
import type { Dirent } from 'node:fs'
import { stat } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import { createGitignore } from './gitignore.ts'

const anyDockerfile = '**/{Dockerfile,Containerfile,*.Dockerfile,Dockerfile.*}'

export interface FoundDockerfiles {
  /** Relative to the working directory, sorted, each once. */
  readonly paths: readonly string[]
  /** FILE_UNREADABLE for each argument that led to no file. */
  readonly problems: TsbuildError[]
}

/**
 * The Dockerfiles that the arguments of `check` name: a file, a folder (all Dockerfiles below it) or a glob; none is the working
 * directory. `.gitignore` counts for what is searched, not for a file that is named.
 */
export async function findDockerfiles(names: readonly string[], cwd: string): Promise<FoundDockerfiles> {
  const paths = new Set<string>()
  const problems: TsbuildError[] = []
  for (const name of names.length === 0 ? ['.'] : names) {
    const kind = await kindOf(resolve(cwd, name))
    const found = kind === 'file' ? [name] : await search(kind === 'folder' ? { below: name } : { glob: name }, cwd)
    if (found.length === 0) problems.push(nothingFound(name, kind))
    for (const path of found) paths.add(relative(cwd, resolve(cwd, path)))
  }
  return { paths: [...paths].toSorted(), problems }
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file'
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return 'missing'
    throw error
  }
}

type Search = { readonly below: string } | { readonly glob: string }

async function search(wanted: Search, cwd: string): Promise<readonly string[]> {
  const [{ default: glob }, { default: ignore }] = await Promise.all([import('fast-glob'), import('ignore')])
  const folder = 'below' in wanted ? resolve(cwd, wanted.below) : cwd
  const gitignore = createGitignore(cwd, ignore)
  // Ignored folders are not walked at all: the walk sees directories without them.
  const visible = (
    path: string,
    _: { readonly withFileTypes: true },
    done: (error: NodeJS.ErrnoException | null, entries: Dirent[]) => void,
  ): void =>
    readdir(path, { withFileTypes: true }, (error, entries) => {
      if (error !== null) done(error, [])
      else
        done(
          null,
          entries.filter((entry) => !gitignore.hides(path, entry.name, entry.isDirectory())),
        )
    })
  const found = await glob('below' in wanted ? anyDockerfile : wanted.glob, {
    cwd: folder,
    dot: true,
    followSymbolicLinks: false,
    ignore: ['**/.git/**', '**/*.dockerignore'],
    fs: { readdir: visible as typeof readdir },
  })
  return found.map((path) => resolve(folder, path))
}

function nothingFound(name: string, kind: 'folder' | 'missing' | 'file'): TsbuildError {
  if (kind === 'folder') {
    return new TsbuildError('FILE_UNREADABLE', `Cannot find a Dockerfile below "${name}"`, {
      hint: 'Dockerfile, Containerfile, *.Dockerfile and Dockerfile.* are looked for, without what .gitignore names; name other files',
    })
  }
  if (/[*?[{(]/.test(name)) {
    return new TsbuildError('FILE_UNREADABLE', `Cannot find a file that matches "${name}"`, {
      hint: 'Files that .gitignore names are left out unless they are named without a wildcard',
    })
  }
  return new TsbuildError('FILE_UNREADABLE', `Cannot read "${name}": it does not exist`, {
    hint: 'Name a Dockerfile, a folder or a glob in quotes; without an argument all below the working directory are checked',
  })
}
