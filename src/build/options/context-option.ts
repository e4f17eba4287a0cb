import { nameAndValue } from './key-values.ts'
import { invalidFlag } from '../../base/flag-error.ts'

/** `--build-context NAME=SOURCE`; the name in lower case. USAGE. */
export function parseBuildContext(text: string): readonly [string, string] {
  const [name, source] = nameAndValue('--build-context', text)
  if (source === undefined || source === '') {
    throw invalidFlag(
      '--build-context',
      text,
      'it has no source',
      'Write --build-context NAME=FOLDER, or a URL, or docker-image://NAME',
    )
  }
  return [name.toLowerCase(), source]
}

/** `--build-arg NAME[=VALUE]`: a name alone takes the variable of the caller, and is nothing when there is none. USAGE. */
export function parseBuildArgs(
  texts: readonly string[],
  env: (name: string) => string | undefined,
): Map<string, string> {
  const args = new Map<string, string>()
  for (const text of texts) {
    const [name, value] = nameAndValue('--build-arg', text)
    const given = value ?? env(name)
    if (given !== undefined) args.set(name, given)
  }
  const epoch = env('SOURCE_DATE_EPOCH')
  if (epoch !== undefined && !args.has('SOURCE_DATE_EPOCH')) args.set('SOURCE_DATE_EPOCH', epoch)
  return args
}

/** `--label NAME[=VALUE]`. USAGE. */
export function parseLabels(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, value] = nameAndValue('--label', text)
      return [name, value ?? '']
    }),
  )
}
