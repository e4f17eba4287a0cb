import { parseArgs } from 'node:util'
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
  const { tokens } = parseArgs({ args: [...words], options: known.parser, strict: false, tokens: true })
  const values = new Map<string, FlagValue[]>()
  const args: string[] = []
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      if (command.flagsFirst) {
        args.push(...words.slice(token.index))
        break
      }
      args.push(token.value)
      continue
    }
    const name = known.names.get(token.name)
    if (name === undefined) {
      if (token.name === 'help' || token.name === 'h') return { kind: 'help' }
      throw unknownFlag(token.rawName, known, options.name)
    }
    const flag = command.flags[name]!
    const value = readValue(token.rawName, token.value, flag, options.name)
    const earlier = values.get(name)
    if (flag.repeat && earlier !== undefined) earlier.push(value)
    else values.set(name, [value])
  }
  checkCount(command, args, options.name)
  return { kind: 'input', input: { ...collect(command.flags, values, options), args } }
}

interface FlagIndex {
  /** Any long spelling → key in `flags`. */
  readonly names: ReadonlyMap<string, string>
  readonly visible: readonly string[]
  readonly parser: Record<string, { type: 'boolean' | 'string'; short?: string }>
}

function flagIndex(flags: Flags): FlagIndex {
  const names = new Map<string, string>()
  const parser: FlagIndex['parser'] = {}
  for (const [name, flag] of Object.entries(flags)) {
    const type = flag.kind === 'boolean' || flag.bare !== undefined ? 'boolean' : 'string'
    parser[name] = flag.short === undefined ? { type } : { type, short: flag.short }
    names.set(name, name)
    for (const other of flag.also ?? []) {
      parser[other] = { type }
      names.set(other, name)
    }
  }
  const visible = Object.entries(flags).flatMap(([name, flag]) => (flag.hidden ? [] : [`--${name}`]))
  return { names, visible, parser }
}

function unknownFlag(rawName: string, known: FlagIndex, name: string): TsbuildError {
  const near = nearest(rawName, known.visible)
  const hint = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `"${name} --help" lists the flags`
  return new TsbuildError('USAGE', `Unknown flag "${rawName}" of "${name}"`, { hint, details: { flag: rawName, near } })
}

function readValue(rawName: string, text: string | undefined, flag: Flag, name: string): FlagValue {
  const given = text ?? (flag.kind === 'boolean' ? 'true' : flag.bare)
  if (given === undefined) {
    throw new TsbuildError('USAGE', `Flag "${rawName}" of "${name}" needs a value`, {
      hint: `${rawName} <${flag.value ?? flag.kind}>: ${flag.help}`,
      details: { flag: rawName },
    })
  }
  // "-n=3" is "-n 3", as for long flags; the parser of Node leaves the sign in the value of a short one.
  const value = rawName.startsWith('--') || !given.startsWith('=') ? given : given.slice(1)
  return parseFlagValue(`Flag "${rawName}" of "${name}"`, flag, value)
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
