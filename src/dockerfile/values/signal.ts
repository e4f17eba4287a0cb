import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'
import { didYouMean } from '../nearest.ts'

/** Signal numbers of Linux on all architectures but MIPS. */
const numbers: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
}

/** Reads a STOPSIGNAL: a number other than 0, or a name with or without `SIG`, also `RTMIN+1` to `RTMAX`. */
export function parseSignal(text: string): Checked<number> {
  if (/^[-+]?\d+$/.test(text)) {
    return Number(text) === 0 ? bad('SIGNAL_INVALID', `signal ${quoted(text)} is not a signal`) : good(Number(text))
  }
  const name = text.toUpperCase().replace(/^SIG/, '')
  const known = Object.hasOwn(numbers, name) ? numbers[name] : parseRealTime(name)
  if (known !== undefined) return good(known)
  const hint =
    didYouMean(name, Object.keys(numbers), (option) => `SIG${option}`) ?? 'Write a name such as "SIGTERM" or a number'
  return bad('SIGNAL_INVALID', `unknown signal ${quoted(text)}`, hint)
}

function parseRealTime(name: string): number | undefined {
  const [, base, sign, distance] = /^RT(MIN|MAX)(?:([+-])([1-9]|1[0-5]))?$/.exec(name) ?? []
  const steps = Number(distance ?? 0)
  if (base === 'MIN') return sign === '-' ? undefined : 34 + steps
  if (base === 'MAX') return sign === '+' || steps > 14 ? undefined : 64 - steps
  return undefined
}
