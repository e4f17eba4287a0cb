import { TsbuildError, hasCode, messageOf } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'
import { invalidFlag } from '../../base/flag-error.ts'

type Environment = (name: string) => string | undefined

/**
 * The variables of `--env-file` and `--env`, in that order. A NAME without a value takes the caller's, and nothing where the caller has none.
 * FILE_UNREADABLE, USAGE.
 */
export async function readEnv(
  files: readonly string[],
  entries: readonly string[],
  { env: environment, signal }: { readonly env: Environment; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const fromFiles = await Promise.all(files.map((file) => readEnvFile(file, signal)))
  return [...fromFiles.flat(), ...entries.map(checked)].flatMap((entry) => withValue(entry, environment))
}

/** `KEY=VALUE` words of labels and the like; a key alone has an empty value. Files as for `--env-file`. */
export async function readPairs(
  files: readonly string[],
  entries: readonly string[],
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const fromFiles = await Promise.all(files.map((file) => readEnvFile(file, signal)))
  return parsePairs([...fromFiles.flat(), ...entries])
}

/** As `readPairs`, without files. */
export function parsePairs(entries: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entries.map((entry) => {
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
async function readEnvFile(path: string, signal: AbortSignal): Promise<readonly string[]> {
  let text: string
  try {
    text = (await readUserFile(path, signal)).toString()
  } catch (error) {
    if (hasCode(error, 'CANCELLED')) throw error
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
