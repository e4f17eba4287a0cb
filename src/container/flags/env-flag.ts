import { readFile } from 'node:fs/promises'
import { TsbuildError, messageOf } from '../../base/errors.ts'
import { invalidFlag } from './flag-error.ts'

type Environment = (name: string) => string | undefined

/**
 * The variables of `--env-file` and `--env`, in that order. A NAME without a value takes the caller's, and nothing where the caller has none.
 * FILE_UNREADABLE, USAGE.
 */
export async function readEnv(
  files: readonly string[],
  entries: readonly string[],
  environment: Environment,
): Promise<readonly string[]> {
  const fromFiles = await Promise.all(files.map((file) => readEnvFile(file)))
  return [...fromFiles.flat(), ...entries.map(checked)].flatMap((entry) => withValue(entry, environment))
}

/** `KEY=VALUE` words of labels and the like; a key alone has an empty value. Files as for `--env-file`. */
export async function readPairs(
  files: readonly string[],
  entries: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const fromFiles = await Promise.all(files.map((file) => readEnvFile(file)))
  return Object.fromEntries(
    [...fromFiles.flat(), ...entries].map((entry) => {
      const at = entry.indexOf('=')
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

function checked(entry: string): string {
  if (entry === '' || entry.startsWith('=')) throw invalidFlag('--env', entry, 'the variable has no name')
  return entry
}

function withValue(entry: string, environment: Environment): readonly string[] {
  if (entry.includes('=')) return [entry]
  const value = environment(entry)
  return value === undefined ? [] : [`${entry}=${value}`]
}

/** docker's format: a variable a line as it stands, without quotes or expansion; `#` lines and empty ones are skipped. */
async function readEnvFile(path: string): Promise<readonly string[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}": ${messageOf(error)}`, { cause: error })
  }
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap((text, index) => {
      const line = text.trimStart()
      if (line === '' || line.startsWith('#')) return []
      const name = line.split('=', 1)[0] ?? ''
      if (name !== '' && !/\s/.test(name)) return [line]
      throw new TsbuildError(
        'USAGE',
        `"${path}" line ${index + 1}: variable "${name}" contains white space or has no name`,
        {
          hint: 'Each line is NAME=VALUE or NAME',
        },
      )
    })
}
