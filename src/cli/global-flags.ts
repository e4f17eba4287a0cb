import { TsbuildError } from '../base/errors.ts'
import type { Flags } from './command.ts'
import { parseFlagValue } from './flag-value.ts'

/** Flags before the command. docker's are all here, so that `alias docker=tsbuild` and its wrappers work. */
export const globalFlags = {
  root: { kind: 'string', value: 'dir', help: 'Store of images, layers and containers', complete: 'directory' },
  config: {
    kind: 'string',
    value: 'dir',
    help: "Directory of docker's config.json with logins",
    complete: 'directory',
  },
  'storage-driver': {
    kind: 'string',
    value: 'name',
    help: 'How layers are stacked: overlay, or copy where overlay cannot be mounted',
  },
  debug: { kind: 'boolean', short: 'D', help: 'Show stacks and causes of errors' },
  'log-format': {
    kind: 'string',
    choices: ['text', 'json'],
    default: 'text',
    help: 'Form of notices and errors on stderr',
  },
  version: { kind: 'boolean', short: 'v', help: 'Print the version and stop' },
  help: { kind: 'boolean', short: 'h', help: 'Print help and stop' },
  host: {
    kind: 'string',
    short: 'H',
    repeat: true,
    hidden: true,
    help: '',
    ignored: 'there is no daemon to connect to',
  },
  context: { kind: 'string', short: 'c', hidden: true, help: '', ignored: 'there is no daemon to connect to' },
  'log-level': { kind: 'string', short: 'l', hidden: true, help: '', ignored: '--debug is the only other level' },
} as const satisfies Flags

export interface GlobalInput {
  readonly root: string | undefined
  readonly config: string | undefined
  readonly storageDriver: string | undefined
  readonly debug: boolean
  readonly logFormat: 'text' | 'json'
  readonly help: boolean
  readonly version: boolean
  /** The words from the command on. */
  readonly words: readonly string[]
}

/**
 * Reads the flags before the command. The first word that is none of them ends the list: a flag such as `-t` belongs to `build`.
 * Throws USAGE.
 */
export function parseGlobalFlags(words: readonly string[]): GlobalInput {
  const values = new Map<string, string>()
  let next = 0
  for (; next < words.length; next++) {
    const match = /^(?:--([a-z-]+)|-([a-zA-Z]))(?:=(.*))?$/s.exec(words[next]!)
    const name = match === null ? undefined : nameOf(match[1], match[2])
    if (match === null || name === undefined) break
    const flag = globalFlags[name]
    const text = match[3] ?? (flag.kind === 'boolean' ? 'true' : words[(next += 1)])
    if (text === undefined) throw new TsbuildError('USAGE', `Flag "--${name}" needs a value`, { hint: flag.help })
    values.set(name, String(parseFlagValue(`Flag "--${name}"`, flag, text)))
  }
  return {
    root: values.get('root'),
    config: values.get('config'),
    storageDriver: values.get('storage-driver'),
    debug: values.get('debug') === 'true',
    logFormat: values.get('log-format') === 'json' ? 'json' : 'text',
    help: values.get('help') === 'true',
    version: values.get('version') === 'true',
    words: words.slice(next),
  }
}

function nameOf(long: string | undefined, short: string | undefined): keyof typeof globalFlags | undefined {
  const names = Object.keys(globalFlags) as (keyof typeof globalFlags)[]
  return names.find((name) => {
    const flag = globalFlags[name]
    return name === long || (short !== undefined && 'short' in flag && flag.short === short)
  })
}
