import { readFileSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'

/** The first of these ignore files that exists; one of the context that is a link out of it is none, as in docker. CONTEXT_UNREADABLE. */
export async function readIgnoreFile(
  paths: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly filename: string; readonly bytes: Uint8Array } | undefined> {
  for (const path of paths) {
    const bytes = await readOptional(path, folder, signal)
    if (bytes !== undefined) return { filename: path.slice(path.lastIndexOf('/') + 1), bytes }
  }
  return undefined
}

async function readOptional(path: string, folder: string, signal: AbortSignal): Promise<Buffer | undefined> {
  try {
    return await readText(path, folder, signal)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', leadsOut)) return undefined
    if (!hasErrno(error, 'EACCES', 'EISDIR', notAFile)) throw error
    throw new TsbuildError('CONTEXT_UNREADABLE', `Cannot read the ignore file "${path}": ${reason(error)}`, {
      cause: error,
    })
  }
}

const leadsOut = 'EXDEV'
const notAFile = 'EINVAL'

/**
 * A file at once: that takes a tenth of the time. What another process writes, such as a pipe, may keep us waiting, until the signal, unless it lies in `folder`, the context:
 * what others have put there names no file of the host by a link (EXDEV), and is a file (EINVAL).
 */
export async function readText(path: string, folder: string | undefined, signal: AbortSignal): Promise<Buffer> {
  const root = folder === undefined ? undefined : realpathSync.native(folder)
  const isOfContext = root !== undefined && [resolve(folder!), root].some((place) => isBelow(resolve(path), place))
  if (isOfContext && !isBelow(realpathSync.native(path), root)) throw failure(leadsOut)
  const found = statSync(path)
  if (found.isFile()) return readFileSync(path)
  if (isOfContext && !found.isDirectory()) throw failure(notAFile)
  return await readUserFile(path, signal)
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder === '/' ? folder : `${folder}/`)
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code })
}

/** Why a file of a context cannot be read, for people. */
export function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'it does not exist'
    case 'EACCES':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a folder'
    case leadsOut:
      return 'it is a link that leads out of the build context'
    case notAFile:
      return 'it is not a file'
    default:
      return error.message
  }
}
