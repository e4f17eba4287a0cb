import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { nearest } from '@dockerfile/parser'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import { readText, reason } from './read-text.ts'

export interface DockerfileText {
  /** Shown in errors. */
  readonly filename: string
  readonly bytes: Uint8Array
}

/** More than any hand-written file has; the limit keeps a wrong `-f` from filling the memory. */
const maxBytes = 16 * 1024 * 1024

/**
 * Reads the Dockerfile at `path`, or `dockerfile` beside it when only the capital is wrong. One that lies in `context` is a file of it, not a link to one outside.
 * CONTEXT_UNREADABLE when there is none.
 */
export async function readDockerfile(
  path: string,
  filename: string,
  { context, signal }: { readonly context?: string; readonly signal: AbortSignal },
): Promise<DockerfileText> {
  try {
    return { filename, bytes: checked(await readText(path, context, signal), filename) }
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR', 'EXDEV', 'EINVAL')) throw error
    const lower = join(dirname(path), 'dockerfile')
    if (error.code === 'ENOENT' && basename(path) === 'Dockerfile') {
      const bytes = await readText(lower, context, signal).catch(() => undefined)
      if (bytes !== undefined) return { filename: 'dockerfile', bytes: checked(bytes, 'dockerfile') }
    }
    const near = error.code === 'ENOENT' ? await similar(path) : undefined
    throw new TsbuildError('CONTEXT_UNREADABLE', `Cannot read the Dockerfile "${filename}": ${reason(error)}`, {
      cause: error,
      hint: near === undefined ? 'Name it with -f FILE' : `Did you mean "${near}"?`,
    })
  }
}

/** A file beside `path` with a similar name. */
async function similar(path: string): Promise<string | undefined> {
  const names = await readdir(dirname(path)).catch(() => [])
  const candidates = names.filter((name) => /dockerfile|containerfile/i.test(name))
  return nearest(basename(path), candidates) ?? candidates[0]
}

function checked(bytes: Uint8Array, filename: string): Uint8Array {
  if (bytes.length <= maxBytes) return bytes
  throw new TsbuildError('CONTEXT_UNREADABLE', `Cannot use "${filename}" as Dockerfile: it has ${bytes.length} bytes`)
}
