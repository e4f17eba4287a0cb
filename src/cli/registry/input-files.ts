import { stat } from 'node:fs/promises'
import { TsbuildError, hasCode } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'

/** Far above any descriptor. */
const maxSize = 1024 * 1024

/** The texts of small files. FILE_UNREADABLE. */
export function readInputs(paths: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  return Promise.all(
    paths.map(async (path) => {
      try {
        const { size } = await stat(path)
        if (size <= maxSize) return (await readUserFile(path, signal)).toString()
      } catch (error) {
        if (hasCode(error, 'CANCELLED')) throw error
        throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}"`, { cause: error })
      }
      throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}": it has more than ${maxSize} bytes`)
    }),
  )
}
