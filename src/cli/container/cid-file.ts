import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs'
import { TsbuildError, messageOf } from '../../base/errors.ts'

export interface CidFile extends Disposable {
  write(id: string): void
}

/** Reserves the file of `--cidfile`; it vanishes again when no container came to be. USAGE when it exists. */
export function openCidFile(path: string | undefined): CidFile {
  if (path === undefined) return { write: () => {}, [Symbol.dispose]() {} }
  if (existsSync(path)) {
    throw new TsbuildError(
      'USAGE',
      `container ID file found, make sure the other container isn't running or delete ${path}`,
    )
  }
  const file = openFile(path)
  let written = false
  return {
    write(id) {
      writeSync(file, id)
      written = true
    },
    [Symbol.dispose]() {
      closeSync(file)
      if (!written) rmSync(path, { force: true })
    },
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o644)
  } catch (error) {
    throw new TsbuildError('FILE_UNREADABLE', `failed to create the container ID file: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
