import type { Argument, Command, CommandEntry, Completion, Flag, Flags } from './command.ts'
import { globalFlags } from './global-flags.ts'

export interface Candidate {
  readonly text: string
  readonly help: string
}

/** What may stand at the cursor: given words, or names that the shell itself knows how to complete. */
export type Candidates =
  | { readonly kind: 'words'; readonly words: readonly Candidate[] }
  | { readonly kind: 'file' | 'directory' }

/** Names of things that exist now; asked only when such a name is being typed. */
export type NameSource = (what: Exclude<Completion, 'file' | 'directory'>) => Promise<readonly string[]>

/**
 * Completes the last of `words` (what was typed after `tsbuild`, the last one perhaps empty). Loads no more than the one command that the
 * words name.
 */
export async function complete(
  table: readonly CommandEntry[],
  words: readonly string[],
  names: NameSource,
): Promise<Candidates> {
  const current = words.at(-1) ?? ''
  const before = skipGlobalFlags(words.slice(0, -1))
  const found = findEntry(table, before)
  if (found === undefined) return wordsOf(commandsAfter(table, before), current, before.length === 0 ? globalFlags : {})
  const { command } = await found.entry.load()
  return completeInCommand(command, found.rest, current, names)
}

function skipGlobalFlags(words: readonly string[]): readonly string[] {
  let next = 0
  for (; next < words.length && words[next]!.startsWith('-'); next++) {
    const flag = flagNamed(globalFlags, words[next]!)
    if (flag !== undefined && flag.kind !== 'boolean' && !words[next]!.includes('=')) next += 1
  }
  return words.slice(next)
}

/** Words of the longest spelling: `buildx imagetools create`. */
const longestCommand = 3

function findEntry(
  table: readonly CommandEntry[],
  words: readonly string[],
): { entry: CommandEntry; rest: readonly string[] } | undefined {
  for (const count of [longestCommand, 2, 1]) {
    const typed = words.slice(0, count).join(' ')
    const entry =
      words.length < count ? undefined : table.find(({ name, also }) => name === typed || also?.includes(typed))
    if (entry !== undefined) return { entry, rest: words.slice(count) }
  }
  return undefined
}

/** The next words of the commands whose spelling begins with the words before the cursor; a word that more follow is a group. */
function commandsAfter(table: readonly CommandEntry[], before: readonly string[]): readonly Candidate[] {
  const start = before.map((word) => `${word} `).join('')
  const commands = new Map<string, string>()
  const groups = new Set<string>()
  const visible = table.filter(({ hidden }) => !hidden)
  for (const { name, also, summary } of visible) {
    for (const spelling of [name, ...(also ?? [])].filter((text) => text.startsWith(start))) {
      const [word = '', ...more] = spelling.slice(start.length).split(' ')
      if (more.length > 0) groups.add(word)
      // In first place a command is offered by its name alone.
      else if (start !== '' || spelling === name) commands.set(word, summary)
    }
  }
  return [
    ...[...commands].map(([text, help]) => ({ text, help })),
    ...[...groups].filter((text) => !commands.has(text)).map((text) => ({ text, help: 'Commands' })),
  ]
}

async function completeInCommand(
  command: Command,
  before: readonly string[],
  current: string,
  names: NameSource,
): Promise<Candidates> {
  const inline = /^(--[a-z0-9-]+=)(.*)$/s.exec(current)
  if (inline !== null) {
    const values = await completeFlag(flagNamed(command.flags, inline[1]!.slice(0, -1)), inline[2]!, names)
    if (values.kind !== 'words') return values
    return { kind: 'words', words: values.words.map(({ text, help }) => ({ text: inline[1]! + text, help })) }
  }
  const last = before.at(-1)
  const waiting = last?.startsWith('-') && !last.includes('=') ? flagNamed(command.flags, last) : undefined
  if (waiting !== undefined && waiting.kind !== 'boolean' && waiting.bare === undefined)
    return completeFlag(waiting, current, names)
  const args = positionals(command, before)
  if (current.startsWith('-') && !(command.flagsFirst && args > 0)) return wordsOf([], current, command.flags)
  return completeArgument(argumentAt(command, args), current, names)
}

/** How many positional arguments stand before the cursor. */
function positionals(command: Command, before: readonly string[]): number {
  let count = 0
  for (let index = 0; index < before.length; index++) {
    const word = before[index]!
    if (!word.startsWith('-') || word === '-') {
      if (command.flagsFirst) return count + before.length - index
      count += 1
      continue
    }
    const flag = flagNamed(command.flags, word)
    if (flag !== undefined && flag.kind !== 'boolean' && flag.bare === undefined && !word.includes('=')) index += 1
  }
  return count
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const last = command.arguments.at(-1)
  return command.arguments[index] ?? (last?.many ? last : undefined)
}

/** The flag that a word names: `--name`, `-n`, or a group of short ones, of which the last counts. */
function flagNamed(flags: Flags, word: string): Flag | undefined {
  if (word.startsWith('--')) {
    const name = word.slice(2)
    return flags[name] ?? Object.values(flags).find(({ also }) => also?.includes(name))
  }
  return Object.values(flags).find(({ short }) => short !== undefined && short === word.at(-1))
}

async function completeFlag(flag: Flag | undefined, current: string, names: NameSource): Promise<Candidates> {
  if (flag === undefined) return { kind: 'words', words: [] }
  if (flag.choices !== undefined)
    return wordsOf(
      flag.choices.map((text) => ({ text, help: '' })),
      current,
      {},
    )
  return completeKind(flag.complete, current, names)
}

async function completeArgument(
  argument: Argument | undefined,
  current: string,
  names: NameSource,
): Promise<Candidates> {
  return completeKind(argument?.complete, current, names)
}

async function completeKind(kind: Completion | undefined, current: string, names: NameSource): Promise<Candidates> {
  if (kind === undefined) return { kind: 'words', words: [] }
  if (kind === 'file' || kind === 'directory') return { kind }
  return wordsOf(
    (await names(kind)).map((text) => ({ text, help: '' })),
    current,
    {},
  )
}

function wordsOf(candidates: readonly Candidate[], current: string, flags: Flags): Candidates {
  const spelled = current.startsWith('-')
    ? Object.entries(flags).flatMap(([name, flag]) => (flag.hidden ? [] : [{ text: `--${name}`, help: flag.help }]))
    : candidates
  return { kind: 'words', words: spelled.filter(({ text }) => text.startsWith(current)) }
}
