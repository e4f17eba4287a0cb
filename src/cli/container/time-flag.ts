import { invalidFlag } from '../../base/flag-error.ts'
import { parseDuration } from '../flag-value.ts'

/**
 * A point in time as docker takes it: `10m` is that long ago, RFC 3339 with or without time and zone (the machine's then), or seconds of
 * the epoch with a fraction. USAGE.
 */
export function parseTime(flag: string, text: string, now: number): Date {
  if (/^\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000)
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const day = /^\d{4}-\d{2}-\d{2}$/.test(text)
    const date = new Date(day ? `${text}T00:00:00` : text.replace(/(\.\d{3})\d+/, '$1'))
    if (!Number.isNaN(date.getTime())) return date
  } else if (/^\d/.test(text)) return new Date(now - parseDuration(`Flag "${flag}"`, text))
  throw invalidFlag(flag, text, 'expected a time such as 10m, 2026-01-02T15:04:05 or 1700000000')
}
