import { goPrint, goSprint, goSprintf, maxWidth } from './go-print.ts'
import type { Value } from './go-print.ts'

/** A wrong use of a function; the evaluator adds the place. */
export class TemplateFault extends Error {}

type TemplateFunction = (...args: Value[]) => Value
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>

/** Go's truth: absent, false, 0, "", and what has no members are false. */
export function isTrue(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}

/** Functions of Go's text/template and those that docker's command line adds (json, split, join, title, lower, upper, pad, truncate). */
export const templateFunctions: TemplateFunctions = {
  // `and` and `or` are here for their names; the evaluator does not evaluate what need not be.
  and: (...args) => args.find((value) => !isTrue(value)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: (value) => !isTrue(value),
  eq: (first, ...others) => {
    if (others.length === 0) throw new TemplateFault('eq needs two values')
    return others.some((other) => equal(first, other))
  },
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => compare('lt', a, b) < 0,
  le: (a, b) => compare('le', a, b) <= 0,
  gt: (a, b) => compare('gt', a, b) > 0,
  ge: (a, b) => compare('ge', a, b) >= 0,
  len: (value) => {
    if (typeof value === 'string') return Buffer.byteLength(value)
    if (Array.isArray(value)) return value.length
    if (typeof value === 'object' && value !== null) return Object.keys(value).length
    throw new TemplateFault(`len of ${goPrint(value)}`)
  },
  index: (value, ...keys) => keys.reduce(indexOnce, value),
  slice: (value, from = 0, to) => {
    if (typeof value !== 'string' && !Array.isArray(value)) throw new TemplateFault(`slice of ${goPrint(value)}`)
    const end = to === undefined ? value.length : Number(to)
    if (Number(from) < 0 || end > value.length || Number(from) > end) {
      throw new TemplateFault(`slice ${goPrint(from)}:${end} of something with ${value.length} members`)
    }
    return value.slice(Number(from), end)
  },
  print: (...args) => goSprint(args),
  println: (...args) => `${args.map((value) => goSprint([value])).join(' ')}\n`,
  printf: (format, ...args) => goSprintf(textOf('printf', format), args),
  html: (...args) =>
    goSprint(args).replace(
      /[&<>"']/g,
      (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;' })[sign] ?? '&#39;',
    ),
  js: (...args) =>
    JSON.stringify(goSprint(args))
      .slice(1, -1)
      .replaceAll("'", String.raw`\'`)
      .replace(/[<>&=]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16).toUpperCase()}`),
  urlquery: (...args) => encodeURIComponent(goSprint(args)).replaceAll('%20', '+'),
  call: (value, ...args) => {
    if (typeof value !== 'function') throw new TemplateFault('call of something that is no function')
    return value(...args)
  },
  json: (value) => goJson(value),
  split: (text, separator) => textOf('split', text).split(textOf('split', separator)),
  join: (list, separator) => {
    if (!Array.isArray(list)) throw new TemplateFault(`join of ${goPrint(list)}`)
    return list.map((item) => goSprint([item])).join(textOf('join', separator))
  },
  title: (text) =>
    textOf('title', text).replace(
      /(^|[^\p{L}\p{N}'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (text) => textOf('lower', text).toLowerCase(),
  upper: (text) => textOf('upper', text).toUpperCase(),
  pad: (text, before, after) => (text === '' ? '' : spaces(before) + textOf('pad', text) + spaces(after)),
  truncate: (text, length) =>
    Array.from(textOf('truncate', text))
      .slice(0, Math.max(0, Number(length)))
      .join(''),
}

/** As the JSON of Go's encoder may stand in HTML. */
export function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** JSON as Go's encoder writes it for docker: members in the value's order, `null` for what is absent, no HTML escapes. */
export function goJson(value: Value): string {
  return JSON.stringify(value) ?? 'null'
}

function indexOnce(value: Value, key: Value): Value {
  if (Array.isArray(value) || typeof value === 'string') {
    if (typeof key !== 'number' || !Number.isInteger(key))
      throw new TemplateFault(`cannot index a list with ${goPrint(key)}`)
    if (key < 0 || key >= value.length)
      throw new TemplateFault(`index ${key} is out of range: there are ${value.length}`)
    return typeof value === 'string' ? value.charCodeAt(key) : value[key]
  }
  if (typeof value === 'object' && value !== null) {
    return Object.hasOwn(value, String(key)) ? (value as Readonly<Record<string, Value>>)[String(key)] : undefined
  }
  throw new TemplateFault(`index of ${goPrint(value)}`)
}

function equal(a: Value, b: Value): boolean {
  if ((typeof a === 'object' && a !== null) || (typeof b === 'object' && b !== null)) {
    throw new TemplateFault('eq compares texts, numbers and truth values only')
  }
  return (a ?? undefined) === (b ?? undefined)
}

function compare(name: string, a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a > b)
  throw new TemplateFault(`${name} needs two numbers or two texts, got ${goPrint(a)} and ${goPrint(b)}`)
}

function spaces(count: Value): string {
  if (typeof count === 'number' && count >= 0 && count <= maxWidth) return ' '.repeat(count)
  throw new TemplateFault(`pad by ${goPrint(count)}`)
}

function textOf(name: string, value: Value): string {
  if (typeof value === 'string') return value
  throw new TemplateFault(`${name} needs a text, got ${goPrint(value)}`)
}
