import { readFile, stat } from 'node:fs/promises'
import { TsbuildError } from '../../base/errors.ts'

/** Far above any descriptor. */
const maxSize = 1024 * 1024

/** The texts of small files. FILE_UNREADABLE. */
export function readInputs(paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(
    paths.map(async (path) => {
      try {
        const { size } = await stat(path)
        if (size <= maxSize) return await readFile(path, 'utf8')
      } catch (error) {
        throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}"`, { cause: error })
      }
      throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}": it has more than ${maxSize} bytes`)
    }),
  )
}
