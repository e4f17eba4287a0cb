import type { Flag, Word } from '../ast.ts'
import { quoted } from '../diagnostics.ts'
import { didYouMean } from '../nearest.ts'
import type { FlagToken } from './flag-tokens.ts'
import type { Parts, Report } from './parts.ts'

export type FlagKind = 'bool' | 'text' | 'list'

/** The flags of each instruction. Instructions that are not here have none. */
export const flagTable: Readonly<Record<string, Readonly<Record<string, FlagKind>>>> = {
  from: { platform: 'text' },
  run: { mount: 'list', network: 'text', security: 'text', device: 'list' },
  copy: { from: 'text', chown: 'text', chmod: 'text', link: 'bool', parents: 'bool', exclude: 'list' },
  add: {
    chown: 'text',
    chmod: 'text',
    link: 'bool',
    'keep-git-dir': 'bool',
    checksum: 'text',
    unpack: 'bool',
    exclude: 'list',
  },
  healthcheck: { interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' },
}

/** BuildKit takes any flag on these without a look at it. */
const unchecked: ReadonlySet<string> = new Set(['arg', 'stopsignal'])

export interface FlagValue {
  readonly word: Word
  /** Where character `index` of the value stands in the logical line. */
  offset(index: number): number
}

export interface FlagValues {
  readonly valid: boolean
  bool(name: string): boolean | undefined
  text(name: string): Word | undefined
  list(name: string): readonly FlagValue[]
}

/** Checks the flags of an instruction against the table and gives their values. */
export function checkFlags(parts: Parts, report: Report, { ignored = unchecked.has(parts.name) } = {}): FlagValues {
  const known = flagTable[parts.name] ?? {}
  const values = new Map<string, FlagValue[]>()
  const bools = new Map<string, boolean>()
  let valid = true
  const fail = (code: 'FLAG_UNKNOWN' | 'FLAG_INVALID', message: string, token: FlagToken, hint?: string): void => {
    valid = false
    report(code, message, parts.line.range(token.start, token.end), { hint })
  }
  for (const token of parts.flags) {
    const { name, equals } = splitFlag(token)
    if (ignored) {
      const hint = 'Remove it: it is not an argument either'
      report(
        'FLAG_IGNORED',
        `flag ${quoted(`--${name}`)} has no effect on ${parts.name.toUpperCase()}`,
        parts.line.range(token.start, token.end),
        { severity: 'warning', hint },
      )
      continue
    }
    const kind = Object.hasOwn(known, name) ? known[name] : undefined
    if (kind === undefined) {
      fail(
        'FLAG_UNKNOWN',
        `unknown flag ${quoted(`--${name}`)} for ${parts.name.toUpperCase()}`,
        token,
        unknownFlagHint(name, known),
      )
    } else if (kind !== 'list' && (values.has(name) || bools.has(name))) {
      fail('FLAG_INVALID', `flag "--${name}" is given twice`, token, 'Keep one of them')
    } else if (equals === -1 && kind !== 'bool') {
      fail('FLAG_INVALID', `flag "--${name}" needs a value`, token, `Write "--${name}=…", without a space`)
    } else if (kind === 'bool') {
      const text = equals === -1 ? 'true' : token.text.slice(equals + 1)
      if (!/^(true|false)$/i.test(text)) {
        fail('FLAG_INVALID', `flag "--${name}" must be "true" or "false", not ${quoted(text)}`, token)
      }
      bools.set(name, text.toLowerCase() === 'true')
    } else {
      const value = {
        word: valueWord(parts, token, equals),
        offset: (index: number) => token.offset(equals + 1 + index),
      }
      const given = values.get(name)
      if (given === undefined) values.set(name, [value])
      else given.push(value)
    }
  }
  return {
    valid,
    bool: (name) => bools.get(name),
    text: (name) => values.get(name)?.[0]?.word,
    list: (name) => values.get(name) ?? [],
  }
}

/** The flags as the syntax tree shows them. */
export function flagNodes(parts: Parts): Flag[] {
  return parts.flags.map((token): Flag => {
    const { name, equals } = splitFlag(token)
    const range = parts.line.range(token.start, token.end)
    return equals === -1 ? { name, range } : { name, value: valueWord(parts, token, equals), range }
  })
}

function splitFlag(token: FlagToken): { readonly name: string; readonly equals: number } {
  const equals = token.text.indexOf('=')
  return { name: token.text.slice(2, equals === -1 ? undefined : equals), equals }
}

function valueWord({ line }: Parts, token: FlagToken, equals: number): Word {
  const start = Math.min(token.offset(equals + 1), token.end)
  return { text: token.text.slice(equals + 1), range: line.range(start, token.end) }
}

function unknownFlagHint(name: string, known: Readonly<Record<string, FlagKind>>): string | undefined {
  const names = Object.keys(known)
  const near = didYouMean(name, names, (option) => `--${option}`)
  if (near !== undefined) return near
  const owners = Object.keys(flagTable).filter((instruction) => Object.hasOwn(flagTable[instruction] ?? {}, name))
  if (owners.length > 0) return `"--${name}" belongs to ${owners.map((owner) => owner.toUpperCase()).join(' and ')}`
  return names.length === 0
    ? 'The instruction has no flags'
    : `Its flags are ${names.map((option) => `"--${option}"`).join(', ')}`
}
