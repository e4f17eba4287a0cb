import { TsbuildError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Flag } from './command.ts'

export type FlagValue = boolean | string | number

/** Reads the text of one flag. `place` starts the message: `Flag "--memory" of "tsbuild run"`. Throws USAGE. */
export function parseFlagValue(place: string, flag: Flag, text: string): FlagValue {
  switch (flag.kind) {
    case 'string':
      return flag.choices === undefined ? text : parseChoice(place, flag.choices, text)
    case 'boolean':
      return parseBoolean(place, text)
    case 'integer':
      return parseInteger(place, text)
    case 'number':
      return parseNumber(place, text)
    case 'bytes':
      return parseBytes(place, text)
    case 'duration':
      return parseDuration(place, text)
  }
}

function invalid(place: string, text: string, want: string): TsbuildError {
  return new TsbuildError('USAGE', `${place} has the value "${text}": want ${want}`)
}

function parseChoice(place: string, choices: readonly string[], text: string): string {
  if (choices.includes(text)) return text
  const [near] = nearest(text, choices)
  const message = `${place} has the value "${text}": want one of ${choices.join(', ')}`
  throw new TsbuildError('USAGE', message, near === undefined ? {} : { hint: `Did you mean "${near}"?` })
}

/** The words that Go's strconv.ParseBool takes, as docker does. */
function parseBoolean(place: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw invalid(place, text, 'true or false')
}

function parseInteger(place: string, text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw invalid(place, text, 'a whole number')
  return value
}

function parseNumber(place: string, text: string): number {
  const value = /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(value)) throw invalid(place, text, 'a number')
  return value
}

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}

/** docker's sizes: `1.5g`, `512MiB`, `64kb`, all in powers of 1024; `-1` means unlimited. */
export function parseBytes(place: string, text: string): number {
  if (text === '-1') return -1
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text)
  if (match === null) throw invalid(place, text, 'a size such as 512m or 1.5GiB')
  return Math.floor(Number(match[1]) * byteUnits[match[2]!.toLowerCase()]!)
}

const durationUnits: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
}

/** Go's durations, in milliseconds: `1h30m`, `1.5s`, `250ms`, `0`. */
export function parseDuration(place: string, text: string): number {
  const bare = text.startsWith('-') ? text.slice(1) : text
  if (bare === '0') return 0
  const parts = [...bare.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== bare) {
    throw invalid(place, text, 'a duration such as 10s or 1m30s')
  }
  const total = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * durationUnits[unit!]!, 0)
  return bare === text ? total : -total
}
