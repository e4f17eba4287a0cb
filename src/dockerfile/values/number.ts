import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'

/** An unsigned 32-bit number in base 8 or 10, digits only. */
export function parseUint32(text: string, base: 8 | 10): number | undefined {
  if (!(base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(text)) return undefined
  const value = Number.parseInt(text, base)
  return value <= 0xffffffff ? value : undefined
}

const units: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 }

/** A memory size as docker reads it: a number, then `b`, or `k`, `m`, `g`, `t`, `p` with an optional `b` or `ib`; powers of 1024. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\+?(?:\d+(?:\.\d*)?|\.\d+)) ?(?:b|([kmgtp])(?:i?b)?)?$/i.exec(text)
  const [, number = '', unit = ''] = match ?? []
  if (match === null) return undefined
  return Math.trunc(Number(number) * 1024 ** (units[unit.toLowerCase()] ?? 0))
}

const nanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** A duration such as `1m30s` or `500ms` in nanoseconds; at least a millisecond, or 0 for the default. */
export function parseDuration(text: string): Checked<number> {
  const hint = 'Write a number with a unit, such as "30s", "1m30s" or "500ms"'
  const [, sign, digits = ''] = /^([-+]?)(.*)$/s.exec(text) ?? []
  if (digits === '0') return good(0)
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(digits))
    return bad('FLAG_INVALID', `${quoted(text)} is not a duration`, hint)
  let sum = 0
  for (const [, number = '', unit = ''] of digits.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    sum += Number(number) * (nanoseconds[unit] ?? 0)
  }
  if (sum >= 2 ** 63) return bad('FLAG_INVALID', `${quoted(text)} is too long a duration`, hint)
  const value = Math.trunc(sum)
  if (value === 0) return good(0)
  if (sign === '-' || value < 1e6)
    return bad('FLAG_INVALID', `${quoted(text)} is less than the shortest duration, "1ms"`, hint)
  return good(value)
}
