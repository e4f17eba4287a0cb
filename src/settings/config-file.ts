import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno, messageOf, TsbuildError } from '../base/errors.ts'

/** A configuration file's text; undefined when there is none. Throws SETTINGS_INVALID when it exists and cannot be read. */
export function readConfigFile(path: string): string | undefined {
  try {
    if (statSync(path).isFIFO()) throw new Error('it is a pipe, which can be read once only')
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw new TsbuildError('SETTINGS_INVALID', `Cannot read "${path}": ${messageOf(error)}`, { cause: error })
  }
}

/** As readConfigFile, parsed. Throws SETTINGS_INVALID with the parser's place. */
export function readJsonFile(path: string): unknown {
  const text = readConfigFile(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TsbuildError('SETTINGS_INVALID', `Cannot use "${path}": ${messageOf(error)}`, { cause: error })
  }
}

/** Paths of the files below `directory` with that ending, in byte order; none when the directory is absent. */
export function listConfigFiles(directory: string, ending: string): readonly string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(ending))
    return names.sort().map((name) => join(directory, name))
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw new TsbuildError('SETTINGS_INVALID', `Cannot read "${directory}": ${messageOf(error)}`, { cause: error })
  }
}
