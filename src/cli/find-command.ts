import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { CommandEntry } from './command.ts'

/** What the words after the global flags ask for. */
export type Target =
  | {
      readonly kind: 'command'
      readonly entry: CommandEntry
      readonly typed: string
      readonly words: readonly string[]
    }
  /** Help of everything (`group` empty) or of one management word such as `container`. */
  | { readonly kind: 'help'; readonly group: string }

/**
 * Finds the command. A first word that is a flag, `-`, a URL or an existing path is an argument of `build`
 * (`tsbuild -t x .`). Throws COMMAND_UNKNOWN naming the nearest commands.
 */
export function findCommand(table: readonly CommandEntry[], given: readonly string[], cwd: string): Target {
  const words = given[0] === 'buildx' ? withoutBuilder(given) : given
  const [first, second] = words
  if (first === undefined || (first === 'help' && second === undefined)) return { kind: 'help', group: '' }
  if (first === 'help') return helpOf(findCommand(table, words.slice(1), cwd))
  const spellings = spellingsOf(table)
  for (const count of [3, 2, 1]) {
    const typed = words.slice(0, count).join(' ')
    const entry = words.length < count ? undefined : spellings.get(typed)
    if (entry !== undefined) return { kind: 'command', entry, typed, words: words.slice(count) }
  }
  for (const count of [2, 1]) {
    const group = words.slice(0, count).join(' ')
    const within = [...spellings.keys()].filter((spelling) => spelling.startsWith(`${group} `))
    if (words.length >= count && within.length > 0) return inGroup(group, words[count], within)
  }
  if (isBuildArgument(first, cwd)) {
    return { kind: 'command', entry: spellings.get('build')!, typed: 'build', words }
  }
  throw unknown(first, [...new Set([...spellings.keys()].map((spelling) => spelling.split(' ')[0]!))])
}

/** `buildx --builder NAME -D COMMAND`: buildx's own flags choose a builder, of which there is one. */
function withoutBuilder([first = '', ...words]: readonly string[]): readonly string[] {
  let next = 0
  for (;;) {
    const word = words[next] ?? ''
    if (word === '--builder') next += 2
    else if (/^(--builder=.*|-D|--debug(=.*)?)$/.test(word)) next += 1
    else return [first, ...words.slice(next)]
  }
}

function helpOf(target: Target): Target {
  return target.kind === 'help' ? target : { ...target, words: ['--help'] }
}

/** Every way to type a command; the words of a management form are joined by one space. */
function spellingsOf(table: readonly CommandEntry[]): ReadonlyMap<string, CommandEntry> {
  return new Map(
    table.flatMap((entry) => [entry.name, ...(entry.also ?? [])].map((spelling) => [spelling, entry] as const)),
  )
}

function inGroup(group: string, word: string | undefined, within: readonly string[]): Target {
  if (word === undefined || word === 'help' || word === '--help' || word === '-h') return { kind: 'help', group }
  if (word.startsWith('-')) {
    throw new TsbuildError('USAGE', `"tsbuild ${group}" needs a command before "${word}"`, {
      hint: `"tsbuild ${group} --help" lists them`,
    })
  }
  const inner = within.map((spelling) => spelling.slice(group.length + 1))
  const near = nearest(word, inner).map((name) => `${group} ${name}`)
  throw new TsbuildError('COMMAND_UNKNOWN', `Unknown command "${group} ${word}"`, {
    hint: near.length > 0 ? didYouMean(near) : `"tsbuild ${group} --help" lists the commands`,
    details: { command: `${group} ${word}`, near },
  })
}

function unknown(word: string, firstWords: readonly string[]): TsbuildError {
  const near = nearest(word, firstWords)
  return new TsbuildError('COMMAND_UNKNOWN', `Unknown command "${word}"`, {
    hint:
      near.length > 0
        ? didYouMean(near)
        : '"tsbuild --help" lists the commands; a build context must be an existing path',
    details: { command: word, near },
  })
}

function didYouMean(near: readonly string[]): string {
  return `Did you mean ${near.map((name) => `"tsbuild ${name}"`).join(' or ')}?`
}

function isBuildArgument(word: string, cwd: string): boolean {
  if (word.startsWith('-')) return true
  if (/^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(word)) return true
  return statSync(resolve(cwd, word), { throwIfNoEntry: false }) !== undefined
}
