import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type ignore from 'ignore'
import type { Ignore } from 'ignore'
import { hasErrno } from '../../base/errors.ts'

/** The `.gitignore` files that count for an entry, those of its work tree. */
export interface Gitignore {
  /** True when the entry of `folder` is ignored, itself or through a folder above it. Paths are absolute. */
  hides(folder: string, name: string, isFolder: boolean): boolean
}

interface Rules {
  readonly folder: string
  readonly list: Ignore
}

/** Reads `.gitignore` files as the walk meets them. `top` ends the search upwards where there is no `.git`. */
export function createGitignore(top: string, create: typeof ignore): Gitignore {
  const known = new Map<string, readonly Rules[]>()

  /** Those of a folder and the ones above, nearest first. */
  function chainOf(folder: string): readonly Rules[] {
    const done = known.get(folder)
    if (done !== undefined) return done
    const text = readOptional(join(folder, '.gitignore'))
    const own = text === undefined ? [] : [{ folder, list: create({ ignorecase: false }).add(text) }]
    const parent = dirname(folder)
    const ends =
      parent === folder || existsSync(join(folder, '.git')) || (folder === top && workTree(top) === undefined)
    const chain = ends ? own : [...own, ...chainOf(parent)]
    known.set(folder, chain)
    return chain
  }

  return {
    hides(folder, name, isFolder) {
      for (const rules of chainOf(folder)) {
        const verdict = rules.list.test(relative(rules.folder, join(folder, name)) + (isFolder ? '/' : ''))
        if (verdict.ignored || verdict.unignored) return verdict.ignored
      }
      return false
    },
  }
}

/** The folder with `.git` that `folder` lies in. */
export function workTree(folder: string): string | undefined {
  if (existsSync(join(folder, '.git'))) return folder
  const parent = dirname(folder)
  return parent === folder ? undefined : workTree(parent)
}

/** A path below `cwd` as the repository that `cwd` lies in knows it; unchanged where there is none. */
export function inRepository(path: string, cwd: string): string {
  const root = workTree(cwd)
  return root === undefined ? path : relative(root, resolve(cwd, path))
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES')) return undefined
    throw error
  }
}
