import { TsbuildError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Command, Flag, Flags, Input } from './command.ts'
import { parseFlagValue } from './flag-value.ts'
import type { FlagValue } from './flag-value.ts'

export interface ParseOptions {
  /** The command as typed, for messages: `tsbuild run`. */
  readonly name: string
  readonly env: (name: string) => string | undefined
}

/** What a command line says: the input of the command, or that help was asked for. */
export type Parsed = { readonly kind: 'input'; readonly input: Input<Flags> } | { readonly kind: 'help' }

/**
 * Reads the words after the command's name by the rules of docker's flags. Throws USAGE, naming the flag or argument and the
 * nearest one that exists.
 */
export function parseCommandLine(command: Command, words: readonly string[], options: ParseOptions): Parsed {
  const known = flagIndex(command.flags)
  const values = new Map<string, FlagValue[]>()
  const args: string[] = []
  for (let next = 0; next < words.length;) {
    const word = words[next]!
    next += 1
    if (word === '--' || (command.flagsFirst && !isFlag(word))) {
      args.push(...words.slice(word === '--' ? next : next - 1))
      break
    }
    if (!isFlag(word)) {
      args.push(word)
      continue
    }
    for (const { spelling, inline } of splitFlag(word, known, options.name)) {
      if ((spelling === '--help' || spelling === '-h') && !known.names.has(spelling)) return { kind: 'help' }
      const name = known.names.get(spelling)
      if (name === undefined) throw unknownFlag(spelling, known, options.name)
      const flag = command.flags[name]!
      const text = inline ?? bareValue(flag) ?? words[next++]
      const value = readValue(spelling, text, flag, options.name)
      const earlier = values.get(name)
      if (flag.repeat && earlier !== undefined) earlier.push(value)
      else values.set(name, [value])
    }
  }
  checkCount(command, args, options.name)
  return { kind: 'input', input: { ...collect(command.flags, values, options), args } }
}

function isFlag(word: string): boolean {
  return word.startsWith('-') && word !== '-'
}

interface FlagIndex {
  /** `--long` and `-s` → key in `flags`. */
  readonly names: ReadonlyMap<string, string>
  /** Short flags that take a value, so that the rest of the word is that value. */
  readonly valued: ReadonlySet<string>
  readonly visible: readonly string[]
}

function flagIndex(flags: Flags): FlagIndex {
  const entries = Object.entries(flags)
  const names = entries.flatMap(([name, { short, also }]) => [
    [`--${name}`, name] as const,
    ...(short === undefined ? [] : [[`-${short}`, name] as const]),
    ...(also ?? []).map((other) => [`--${other}`, name] as const),
  ])
  const valued = entries.flatMap(([, flag]) =>
    bareValue(flag) === undefined && flag.short !== undefined ? [`-${flag.short}`] : [],
  )
  const visible = entries.flatMap(([name, flag]) => (flag.hidden ? [] : [`--${name}`]))
  return { names: new Map(names), valued: new Set(valued), visible }
}

/** What the flag means without a value; undefined when it needs one. */
function bareValue(flag: Flag): string | undefined {
  return flag.kind === 'boolean' ? 'true' : flag.bare
}

interface FlagWord {
  readonly spelling: string
  /** The value within the word: after `=`, or what follows a short flag that takes one. */
  readonly inline: string | undefined
}

/** `--a=b` is one flag; `-it` is two; `-p80` and `-itp=80` end with a flag and its value. */
function splitFlag(word: string, known: FlagIndex, name: string): readonly FlagWord[] {
  if (word.startsWith('--')) {
    const sign = word.indexOf('=')
    return [
      sign === -1
        ? { spelling: word, inline: undefined }
        : { spelling: word.slice(0, sign), inline: word.slice(sign + 1) },
    ]
  }
  const found: FlagWord[] = []
  for (let at = 1; at < word.length; at++) {
    const spelling = `-${word[at]}`
    if (!known.names.has(spelling) && spelling !== '-h')
      throw unknownFlag(at === 1 ? word.split('=')[0]! : spelling, known, name)
    const rest = word.slice(at + 1)
    if (rest.startsWith('=')) return [...found, { spelling, inline: rest.slice(1) }]
    if (known.valued.has(spelling)) return [...found, { spelling, inline: rest === '' ? undefined : rest }]
    found.push({ spelling, inline: undefined })
  }
  return found
}

function unknownFlag(spelling: string, known: FlagIndex, name: string): TsbuildError {
  const near = nearest(spelling.startsWith('--') ? spelling : `-${spelling}`, known.visible)
  const hint = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `"${name} --help" lists the flags`
  return new TsbuildError('USAGE', `Unknown flag "${spelling}" of "${name}"`, {
    hint,
    details: { flag: spelling, near },
  })
}

function readValue(spelling: string, text: string | undefined, flag: Flag, name: string): FlagValue {
  if (text !== undefined) return parseFlagValue(`Flag "${spelling}" of "${name}"`, flag, text)
  throw new TsbuildError('USAGE', `Flag "${spelling}" of "${name}" needs a value`, {
    hint: `${spelling} <${flag.value ?? flag.kind}>: ${flag.help}`,
    details: { flag: spelling },
  })
}

function checkCount(command: Command, args: readonly string[], name: string): void {
  const fewest = command.arguments.filter((argument) => !argument.optional).length
  const most = command.arguments.some((argument) => argument.many) ? Infinity : command.arguments.length
  if (args.length >= fewest && args.length <= most) return
  const usage = `Usage: ${name} ${usageOf(command)}`.trimEnd()
  if (args.length < fewest) {
    const missing = command.arguments.filter((argument) => !argument.optional)[args.length]!
    throw new TsbuildError('USAGE', `"${name}" needs an argument: ${missing.name} is missing`, { hint: usage })
  }
  const extra = args[most]!
  const hint = extra.startsWith('-') ? `Flags come before the arguments here. ${usage}` : usage
  throw new TsbuildError('USAGE', `"${name}" takes ${countOf(most)}: "${extra}" is too many`, { hint })
}

function countOf(most: number): string {
  if (most === 0) return 'no arguments'
  return most === 1 ? 'one argument' : `at most ${most} arguments`
}

/** `[flags] IMAGE [COMMAND] [ARG...]`. */
export function usageOf(command: Command): string {
  const words = command.arguments.map(({ name, optional, many }) => {
    const word = many ? `${name}...` : name
    if (optional) return `[${word}]`
    return many ? `${name} [${name}...]` : word
  })
  return (Object.keys(command.flags).length > 0 ? ['[flags]', ...words] : words).join(' ')
}

function collect(
  flags: Flags,
  values: ReadonlyMap<string, readonly FlagValue[]>,
  options: ParseOptions,
): Pick<Input<Flags>, 'flags' | 'given'> {
  const result: Record<string, FlagValue | readonly FlagValue[] | undefined> = {}
  const given = new Set<string>()
  for (const [name, flag] of Object.entries(flags)) {
    const list = values.get(name) ?? fromEnvironment(flag, options)
    if (list !== undefined) given.add(name)
    if (flag.repeat) result[name] = list ?? []
    else result[name] = list?.at(-1) ?? flag.default ?? (flag.kind === 'boolean' ? false : undefined)
  }
  return { flags: result as Input<Flags>['flags'], given }
}

function fromEnvironment(flag: Flag, { env }: ParseOptions): readonly FlagValue[] | undefined {
  const text = flag.env === undefined ? undefined : env(flag.env)
  if (text === undefined || text === '') return undefined
  return [parseFlagValue(`Variable ${flag.env}`, flag, text)]
}
