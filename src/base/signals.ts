import { constants } from 'node:os'
import { TsbuildError } from './errors.ts'

/** Linux has 64 signals; the real-time ones are named from both ends. */
const rtMin = 34
const rtMax = 64

/** The number of a signal given as `15`, `TERM`, `SIGTERM` or `SIGRTMIN+3`, in any case. USAGE when there is none of that name. */
export function signalNumber(text: string): number {
  const word = text.trim().toUpperCase().replace(/^SIG/, '')
  const number = /^\d+$/.test(word)
    ? Number(word)
    : (constants.signals[`SIG${word}` as NodeJS.Signals] ?? realTime(word))
  if (number !== undefined && number >= 1 && number <= rtMax) return number
  throw new TsbuildError('USAGE', `Invalid signal: ${text}`, {
    hint: 'Name it as kill -l does (TERM, SIGKILL) or by number, 1 to 64',
  })
}

/** `SIGTERM` for 15; `SIGRTMIN+3` for what has no name of its own. */
export function signalName(number: number): string {
  const named = Object.entries(constants.signals).find(([name, value]) => value === number && !aliases.has(name))
  if (named !== undefined) return named[0]
  return number >= rtMin ? `SIGRTMIN+${number - rtMin}` : `SIG${number}`
}

const aliases = new Set(['SIGIOT', 'SIGPOLL', 'SIGUNUSED', 'SIGCLD'])

function realTime(word: string): number | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(word)
  if (match === null) return undefined
  const offset = Number(match[3] ?? 0) * (match[2] === '-' ? -1 : 1)
  const number = (match[1] === 'MIN' ? rtMin : rtMax) + offset
  return number >= rtMin && number <= rtMax ? number : undefined
}
