/** The values of templates: what JSON knows, and functions as methods (`.Label "key"`). */
export type Value = unknown

/** Go's `%v`: `map[a:1 b:2]`, `[x y]`, `<no value>` for what is absent. */
export function goPrint(value: Value): string {
  if (value === undefined || value === null) return '<no value>'
  return goInner(value)
}

function goInner(value: Value): string {
  if (value === undefined || value === null) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goInner).join(' ')}]`
  if (typeof value === 'object') {
    if (value instanceof Date) return value.toISOString()
    const members = Object.keys(value).sort()
    return `map[${members.map((key) => `${key}:${goInner((value as Readonly<Record<string, Value>>)[key])}`).join(' ')}]`
  }
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? `${value}` : '<method>'
}

/** Go's Sprint: spaces only between operands of which neither is a string. */
export function goSprint(values: readonly Value[]): string {
  return values
    .map((value, index) => {
      const spaced = index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string'
      return `${spaced ? ' ' : ''}${goInner(value)}`
    })
    .join('')
}

/** Go's own limit of a width. */
export const maxWidth = 1_000_000
/** JavaScript's limit of digits; Go goes further. */
const maxPrecision = 100

/** Go's Sprintf with the verbs that make sense for values of templates; a wrong verb shows as Go shows it. */
export function goSprintf(format: string, values: readonly Value[]): string {
  let next = 0
  const text = format.replace(
    /%([-+# 0]*)(\*|\d+)?(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%'
      const columns = width === '*' ? Number(values[next++]) : Number(width ?? 0)
      const wide = !(Math.abs(columns) <= maxWidth)
      const precise = Number(precision ?? 0) > maxPrecision
      const fault = `${wide ? '%!(BADWIDTH)' : ''}${precise ? '%!(BADPREC)' : ''}`
      if (next >= values.length) return `${fault}%!${verb}(MISSING)`
      const shown = formatVerb(verb, values[next++], flags, precise ? undefined : precision)
      return fault + pad(shown, flags, wide ? 0 : columns)
    },
  )
  const extra = values.slice(next)
  return extra.length === 0
    ? text
    : `${text}%!(EXTRA ${extra.map((value) => `${goType(value)}=${goInner(value)}`).join(', ')})`
}

function formatVerb(verb: string, value: Value, flags: string, precision: string | undefined): string {
  const number = typeof value === 'number' ? value : Number.NaN
  const sign = number < 0 ? '' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  switch (verb) {
    case 'v':
      return goInner(value)
    case 's': {
      const text = typeof value === 'number' || typeof value === 'boolean' ? undefined : goInner(value)
      if (text === undefined) break
      return precision === undefined ? text : Array.from(text).slice(0, Number(precision)).join('')
    }
    case 'q':
      return Number.isInteger(number) ? quotedCharacter(number) : JSON.stringify(goInner(value))
    case 't':
      if (typeof value === 'boolean') return String(value)
      break
    case 'T':
      return goType(value)
    case 'd':
      if (Number.isInteger(number)) return sign + String(number)
      break
    case 'x':
    case 'X': {
      const hex = Number.isInteger(number)
        ? number.toString(16)
        : typeof value === 'string'
          ? Buffer.from(value).toString('hex')
          : undefined
      if (hex === undefined) break
      const marked = flags.includes('#') ? `0x${hex}` : hex
      return verb === 'X' ? marked.toUpperCase() : marked
    }
    case 'o':
      if (Number.isInteger(number)) return number.toString(8)
      break
    case 'b':
      if (Number.isInteger(number)) return sign + number.toString(2)
      break
    case 'c':
      if (Number.isInteger(number)) return character(number)
      break
    case 'U':
      if (Number.isInteger(number)) return `U+${number.toString(16).toUpperCase().padStart(4, '0')}`
      break
    case 'f':
      if (!Number.isNaN(number)) return sign + number.toFixed(Number(precision ?? 6))
      break
    case 'g':
      if (!Number.isNaN(number))
        return sign + String(precision === undefined ? number : Number(number.toPrecision(Number(precision))))
      break
    case 'e':
      if (!Number.isNaN(number)) return number.toExponential(Number(precision ?? 6)).replace(/e([+-])(\d)$/, 'e$10$2')
      break
  }
  return `%!${verb}(${goType(value)}=${goInner(value)})`
}

/** What is no character is shown as the replacement character, as Go does. */
function character(code: number): string {
  return code >= 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : '\uFFFD'
}

function quotedCharacter(code: number): string {
  return code < 0x20 || code === 0x7f ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${character(code)}'`
}

function pad(text: string, flags: string, width: number): string {
  if (flags.includes('-') || width < 0) return text.padEnd(Math.abs(width))
  if (!flags.includes('0')) return text.padStart(width)
  return /^[+-]/.test(text) ? text[0]! + text.slice(1).padStart(width - 1, '0') : text.padStart(width, '0')
}

function goType(value: Value): string {
  if (value === undefined || value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'object' ? 'map[string]interface {}' : 'string'
}
