import { realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { compileIgnore, decodeSource } from '@dockerfile/parser'
import type { IgnoreMatcher } from '@dockerfile/parser'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import { digestHex, sha256 } from '../../oci/digest.ts'
import { problemError } from '../located.ts'
import type { SourceText } from '../located.ts'
import type { BuildContext } from './build-context.ts'
import { readIgnoreFile, reason } from './read-text.ts'

export interface FolderOptions {
  readonly name: string
  readonly path: string
  /** For people: what the user wrote. */
  readonly title: string
  /** Where digests of file contents are remembered; null for folders that do not last. */
  readonly indexes: string | null
  /** The Dockerfile on the host, whose own ignore file (`<Dockerfile>.dockerignore`) comes first. */
  readonly dockerfile?: string
  /** Removes the folder when it was made for this build. */
  readonly dispose?: () => Promise<void>
  /** Of what was fetched. */
  readonly time?: BuildContext['time']
  readonly signal: AbortSignal
}

/** Opens a folder as a context. CONTEXT_UNREADABLE when it is none, DOCKERFILE_INVALID for a malformed ignore file. */
export async function openFolder(options: FolderOptions): Promise<BuildContext> {
  const { name, title, indexes, dockerfile, dispose, signal, time = async () => undefined } = options
  const path = await folderPath(options.path, title)
  const ignores = [...(dockerfile === undefined ? [] : [`${dockerfile}.dockerignore`]), join(path, '.dockerignore')]
  if (dispose !== undefined) for (const file of ignores) await requireInside(path, file)
  const ignore = await readIgnore(ignores, options.path, signal)
  return {
    name,
    path,
    title,
    ignore,
    index: indexes === null ? null : join(indexes, digestHex(sha256(path))),
    time,
    [Symbol.asyncDispose]: async () => dispose?.(),
  }
}

async function folderPath(path: string, title: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return await realpath(path)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP')) throw error
    throw new TsbuildError('CONTEXT_UNREADABLE', `Cannot read the build context "${title}": ${reason(error)}`, {
      cause: error,
    })
  }
  throw new TsbuildError('CONTEXT_UNREADABLE', `Cannot use "${title}" as build context: it is not a folder`, {
    hint: 'The last argument is the folder; a Dockerfile is named with -f',
  })
}

/** What was fetched for this build is hostile: its ignore file may not lead to the host's files, nor be one that is never read to its end. */
async function requireInside(folder: string, path: string): Promise<void> {
  const real = await realpath(path).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  })
  if (real === undefined || (real.startsWith(`${folder}/`) && (await stat(real)).isFile())) return
  throw new TsbuildError(
    'CONTEXT_UNREADABLE',
    `Cannot read the ignore file "${basename(path)}": it is no file of the build context`,
  )
}

/** The matcher of the first ignore file that exists; null when none does or it says nothing. */
async function readIgnore(
  paths: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<IgnoreMatcher | null> {
  const file = await loadIgnore(paths, folder, signal)
  if (file === undefined) return null
  const { matcher } = file
  const [mistake] = matcher.diagnostics
  if (mistake !== undefined) throw problemError(file, mistake.range, mistake)
  return matcher.rules.length === 0 ? null : matcher
}

export interface IgnoreFile extends SourceText {
  /** With the mistakes of the file as diagnostics. */
  readonly matcher: IgnoreMatcher
}

/** The first of these ignore files that exists, for a context. CONTEXT_UNREADABLE. */
export async function loadIgnore(
  paths: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<IgnoreFile | undefined> {
  const file = await readIgnoreFile(paths, folder, signal)
  if (file === undefined) return undefined
  const { filename, bytes } = file
  return { filename, source: decodeSource(bytes), matcher: compileIgnore(bytes, filename) }
}
