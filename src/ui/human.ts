const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const

/** `7.79MB`: docker's sizes of images, with `digits` significant digits. */
export function humanSize(bytes: number, digits = 3): string {
  return scaled(bytes, 1000, decimalUnits, digits)
}

/** `1.5GiB`: docker's sizes of memory. */
export function binarySize(bytes: number, digits = 4): string {
  return scaled(bytes, 1024, binaryUnits, digits)
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes
  let unit = 0
  while (value >= base && unit < units.length - 1) {
    value /= base
    unit += 1
  }
  return `${significant(value, digits)}${units[unit]}`
}

/** Go's %.Ng: at most N significant digits, no trailing zeros. */
function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)))
}

const spans: readonly (readonly [limit: number, unit: number, name: string])[] = [
  [60, 1, 'second'],
  [3600, 60, 'minute'],
  [48 * 3600, 3600, 'hour'],
  [14 * 86_400, 86_400, 'day'],
  [60 * 86_400, 7 * 86_400, 'week'],
  [730 * 86_400, 30 * 86_400, 'month'],
  [Infinity, 365 * 86_400, 'year'],
]

/** How long `ms` is, by docker's words: `Less than a second`, `36 seconds`, `About a minute`, `5 hours`, `2 weeks`. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds >= 60 && seconds < 120) return 'About a minute'
  const rounded = Math.round(ms / 3_600_000)
  if (seconds >= 3600 && rounded === 1) return 'About an hour'
  const [, unit, name] = spans.find(([limit]) => seconds < limit)!
  const count = unit === 3600 ? rounded : Math.floor(seconds / unit)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** `2 hours ago`; `N/A` for a time that is not known. */
export function relativeAge(then: number | undefined, now: number): string {
  return then === undefined || Number.isNaN(then) ? 'N/A' : `${humanDuration(now - then)} ago`
}

/** `2026-01-02 15:04:05 +0100 CET`, as Go prints times. */
export function localTime(date: Date): string {
  const { day, time, hours, minutes } = localParts(date)
  const name = /([A-Z]{2,5})$/.exec(zoned.format.format(date))?.[1] ?? 'UTC'
  return `${day} ${time} ${hours}${minutes} ${name}`
}

/** Made once, when a zone's name is first asked for: it takes longer than whole lists. */
const zoned = {
  get format(): Intl.DateTimeFormat {
    const value = new Intl.DateTimeFormat('en', { hour: 'numeric', timeZoneName: 'short' })
    Object.defineProperty(this, 'format', { value })
    return value
  },
}

/** `2026-01-02T15:04:05+01:00`, `2026-01-02T14:04:05Z`: Go's RFC 3339 in the machine's time zone. */
export function localRfc3339(date: Date): string {
  const { day, time, hours, minutes } = localParts(date)
  return `${day}T${time}${date.getTimezoneOffset() === 0 ? 'Z' : `${hours}:${minutes}`}`
}

function localParts(date: Date): Readonly<Record<'day' | 'time' | 'hours' | 'minutes', string>> {
  const two = (value: number): string => String(value).padStart(2, '0')
  const offset = -date.getTimezoneOffset()
  return {
    day: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    time: `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
    hours: `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}`,
    minutes: two(Math.abs(offset) % 60),
  }
}
