import { TsbuildError } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { printableLine } from '../base/printable.ts'
import { isDigest } from './digest.ts'
import type { Digest } from './digest.ts'

/**
 * A located reader over parsed JSON from outside: every accessor throws the reader's error code with the path of the member
 * (`layers[2].digest`). Go writes `null` for missing lists and maps, so null counts as absent.
 */
export interface JsonReader {
  readonly path: string
  readonly value: unknown
  get(name: string): JsonReader
  readonly absent: boolean
  string(): string
  integer(): number
  boolean(): boolean
  digest(): Digest
  list<T>(read: (item: JsonReader) => T, max?: number): readonly T[]
  record<T>(read: (item: JsonReader) => T): Readonly<Record<string, T>>
  fail(why: string): TsbuildError
}

export interface JsonContext {
  readonly code: ErrorCode
  /** What is read, for the message: `manifest sha256:…`. */
  readonly what: string
}

/** Nothing honest nests deeper, or has more values; parsed, each of them costs many times its text. */
const maxDepth = 200
const maxValues = 500_000

/**
 * Parses UTF-8 JSON text. Errors: the context's code for malformed text, text that is not UTF-8 or begins with a byte order mark, that nests too
 * deep, has too many values or a member twice (parsers differ in which of the two they take), and for a wrong member.
 */
export function readJson(bytes: Uint8Array, context: JsonContext): JsonReader {
  const excess = excessOf(bytes)
  if (excess !== undefined) throw new TsbuildError(context.code, `Cannot read ${context.what}: ${excess}`)
  const text = decode(bytes, context)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new TsbuildError(context.code, `Cannot read ${context.what}: it is not JSON`, { cause: error })
  }
  const twice = repeatedMember(text)
  if (twice !== undefined) {
    const name = JSON.stringify(printableLine(twice))
    throw new TsbuildError(context.code, `Cannot read ${context.what}: it has the member ${name} twice in one object`)
  }
  return createReader(value, '', context)
}

function decode(bytes: Uint8Array, { code, what }: JsonContext): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new TsbuildError(code, `Cannot read ${what}: it is not UTF-8 text`, { cause: error })
  }
  if (text.startsWith('\uFEFF')) throw new TsbuildError(code, `Cannot read ${what}: it begins with a byte order mark`)
  return text
}

/** The first name that an object of this valid JSON text has more than once. */
function repeatedMember(text: string): string | undefined {
  // Names of the open objects; null for a list.
  const open: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(null)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = endOfString(text, at)
      const names = open.at(-1)
      if (names !== null && names !== undefined && isName(text, end)) {
        const name = JSON.parse(text.slice(at, end)) as string
        if (names.has(name)) return name
        names.add(name)
      }
      at = end - 1
    }
  }
  return undefined
}

/** Behind the quote that ends the string. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function isName(text: string, end: number): boolean {
  let at = end
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1
  return text[at] === ':'
}

/** Looks at brackets, commas and strings alone: before a parser makes objects of them. */
function excessOf(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength <= maxValues && !hasMoreBrackets(bytes, maxDepth)) return undefined
  let depth = 0
  let values = 0
  let inString = false
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const byte = bytes[at]
    if (byte === 0x22) inString = !inString
    else if (inString) at += byte === 0x5c ? 1 : 0
    else if (byte === 0x2c) values += 1
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      values += 1
      if (depth > maxDepth) return `it nests deeper than ${maxDepth} levels`
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return values > maxValues ? `it has more than ${maxValues} values` : undefined
}

/** Honest documents have few: then no byte of theirs is looked at here, which takes a millisecond in a process that has just started. */
function hasMoreBrackets(bytes: Uint8Array, limit: number): boolean {
  let left = limit
  for (const bracket of [0x5b, 0x7b]) {
    for (let at = bytes.indexOf(bracket); at >= 0; at = bytes.indexOf(bracket, at + 1)) {
      left -= 1
      if (left < 0) return true
    }
  }
  return false
}

/** Members that hold nothing are left out, so that optional members stay absent. */
export function present<T extends object>(members: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T
}

function createReader(value: unknown, path: string, context: JsonContext): JsonReader {
  const fail = (why: string): TsbuildError =>
    new TsbuildError(context.code, `Cannot read ${context.what}: ${path === '' ? 'it' : `"${path}"`} ${why}`)
  const child = (item: unknown, name: string): JsonReader => createReader(item, name, context)
  return {
    path,
    value,
    absent: value === undefined || value === null,
    fail,
    get(name) {
      if (!isObject(value)) throw fail('must be an object')
      const item = Object.hasOwn(value, name) ? value[name] : undefined
      return child(item, path === '' ? name : `${path}.${name}`)
    },
    string() {
      if (typeof value !== 'string') throw fail('must be a string')
      return value
    },
    integer() {
      if (typeof value !== 'number') throw fail('must be a whole number')
      if (!Number.isSafeInteger(value)) {
        const isWhole = Number.isInteger(value) || !Number.isFinite(value)
        throw fail(isWhole ? `must be at most ${Number.MAX_SAFE_INTEGER}` : 'must be a whole number')
      }
      return value
    },
    boolean() {
      if (typeof value !== 'boolean') throw fail('must be true or false')
      return value
    },
    digest() {
      if (typeof value !== 'string' || !isDigest(value)) throw fail('must be a digest such as sha256:<64 digits>')
      return value
    },
    list(read, max = 100_000) {
      if (!Array.isArray(value)) throw fail('must be a list')
      if (value.length > max) throw fail(`has ${value.length} entries, at most ${max} are allowed`)
      return value.map((item: unknown, index) => read(child(item, `${path}[${index}]`)))
    },
    record(read) {
      if (!isObject(value)) throw fail('must be an object')
      return Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, read(child(item, `${path}.${name}`))]),
      )
    },
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads a member that may be missing. */
export function optional<T>(reader: JsonReader, read: (reader: JsonReader) => T): T | undefined {
  return reader.absent ? undefined : read(reader)
}
