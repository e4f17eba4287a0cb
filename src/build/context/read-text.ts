import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { TsbuildError, hasErrno } from '../../base/errors.ts'

/** The first of these ignore files that exists. CONTEXT_UNREADABLE. */
export async function readIgnoreFile(
  paths: readonly string[],
): Promise<{ readonly filename: string; readonly bytes: Uint8Array } | undefined> {
  for (const path of paths) {
    const bytes = await readOptional(path)
    if (bytes !== undefined) return { filename: path.slice(path.lastIndexOf('/') + 1), bytes }
  }
  return undefined
}

async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return await readText(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    if (!hasErrno(error, 'EACCES', 'EISDIR')) throw error
    throw new TsbuildError('CONTEXT_UNREADABLE', `Cannot read the ignore file "${path}": ${reason(error)}`, {
      cause: error,
    })
  }
}

/** A file at once: that takes a tenth of the time. What another process writes, such as a pipe, may keep us waiting. */
export async function readText(path: string): Promise<Buffer> {
  return statSync(path).isFile() ? readFileSync(path) : await readFile(path)
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
    default:
      return error.message
  }
}
