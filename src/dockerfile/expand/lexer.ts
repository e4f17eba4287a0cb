import type { Problem } from '../diagnostics.ts'
import { isSpace } from '../go-text.ts'
import type { Environment, ExpandOptions } from './expand.ts'
import { applyModifier, ExpansionError, isOperator } from './modifiers.ts'

export interface LexerResult {
  readonly value: string
  readonly words: readonly string[]
  readonly used: readonly string[]
  readonly unset: readonly string[]
  readonly error?: Problem
}

/** One value of the kernel's environment may have 128 KiB; an expansion that grows beyond this is a mistake or an attack. */
const maxLength = 16 * 1024 * 1024
/** `${a:-${b:-…}}` */
const maxDepth = 500

export function runLexer(text: string, environment: Environment, options: ExpandOptions): LexerResult {
  const lexer = new Lexer(text, environment, options)
  const names = { used: lexer.used, unset: lexer.unset }
  try {
    const { value, words } = lexer.run()
    return { value, words, used: [...names.used], unset: [...names.unset] }
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error
    return { value: '', words: [], used: [...names.used], unset: [...names.unset], error: error.problem }
  }
}

interface Piece {
  readonly value: string
  readonly words: readonly string[]
}

const specialParameters = '@*#?-$!0'
const letterOrDigit = /[\p{L}\p{Nd}_]/u
const digit = /\p{Nd}/u

/** A scanner over one text; lives for one expansion. */
class Lexer {
  readonly used = new Set<string>()
  readonly unset = new Set<string>()
  readonly #text: string
  readonly #environment: Environment
  readonly #options: ExpandOptions
  readonly #escape: string
  #at: number
  #depth = 0
  #length = 0

  constructor(text: string, environment: Environment, options: ExpandOptions) {
    this.#text = text
    this.#environment = environment
    this.#options = options
    this.#escape = options.escape ?? '\\'
    // Go's scanner drops a byte order mark in front.
    this.#at = text.startsWith('\uFEFF') ? 1 : 0
  }

  run(): Piece {
    return this.#until(undefined, this.#options.keepEscapes === true)
  }

  /** Reads up to `stop`, which is consumed, or the end. */
  #until(stop: string | undefined, keepEscapes: boolean): Piece {
    const start = this.#at
    if ((this.#depth += 1) > maxDepth)
      throw new ExpansionError(`variable expressions are nested more than ${maxDepth} deep`)
    let value = ''
    const words = new WordSplitter()
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (character === stop) {
        this.#at += 1
        this.#depth -= 1
        return { value, words: words.finish() }
      }
      let part: string
      let split = false
      if (character === '$') {
        part = this.#dollar()
        split = true
      } else if (character === '<') part = this.#heredocMark()
      else if (character === "'" && this.#options.literalQuotes !== true) part = this.#singleQuoted()
      else if (character === '"' && this.#options.literalQuotes !== true) part = this.#doubleQuoted(keepEscapes)
      else if (character === this.#escape) {
        this.#at += 1
        if (keepEscapes) {
          value += character
          words.add(character, false)
        }
        part = this.#take()
        if (part === '') break
      } else {
        part = this.#take()
        split = true
      }
      value += part
      words.add(part, split)
      this.#grow(part)
    }
    if (stop !== undefined) throw this.#unclosed(`"${stop}" is missing`, start)
    this.#depth -= 1
    return { value, words: words.finish() }
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1)
    if (end === -1) throw this.#unclosed('closing single quote is missing', this.#at)
    const inner = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    return this.#options.keepQuotes === true ? `'${inner}'` : inner
  }

  #doubleQuoted(keepEscapes: boolean): string {
    const start = this.#at
    const quote = this.#options.keepQuotes === true ? '"' : ''
    let value = quote
    this.#at += 1
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (character === '"') {
        this.#at += 1
        return value + quote
      }
      if (character === '$') {
        value += this.#dollar()
      } else if (character === this.#escape) {
        this.#at += 1
        if (keepEscapes) value += character
        const next = this.#text[this.#at]
        // Other characters cannot be escaped inside double quotes: the escape character stands for itself.
        if (next === '"' || next === '$' || next === this.#escape) value += this.#take()
        else if (next !== undefined) value += character
      } else {
        value += this.#take()
      }
    }
    throw this.#unclosed('closing double quote is missing', start)
  }

  #dollar(): string {
    const start = this.#at
    this.#at += 1
    if (this.#text[this.#at] !== '{') {
      const name = this.#name()
      if (name === '') return '$'
      return this.#lookup(name) ?? (this.#options.keepUnset === true ? `$${name}` : '')
    }
    this.#at += 1
    const first = this.#text[this.#at]
    if (first === undefined) throw this.#unclosed('"}" is missing', start)
    if (first === '{' || first === '}' || first === ':') {
      throw this.#fault(
        `bad substitution "${this.#text.slice(start, this.#at + 1)}"`,
        start,
        'Write "$NAME" or "${NAME}"; put "\\" in front of a "$" that is meant as it is',
      )
    }
    const name = this.#name()
    const sign = this.#take()
    if (sign === '}') {
      return this.#lookup(name) ?? (this.#options.keepUnset === true ? `\${${name}}` : '')
    }
    if (sign === '' || sign === '"') throw this.#unclosed('"}" is missing', start)
    return this.#modified(name, sign, start)
  }

  #modified(name: string, sign: string, start: number): string {
    const operator = sign === ':' ? sign + this.#take() : sign
    const unsupported = (): ExpansionError => {
      const hint = 'Modifiers are ":-", "-", ":+", "+", ":?", "?", "#", "##", "%", "%%", "/" and "//"'
      return this.#fault(`unsupported modifier "${operator}" in a variable expression`, start, hint)
    }
    // What follows a colon is read to its end first: a variable that is to be kept as written is kept with any modifier.
    if (operator !== '/' && !isOperator(operator) && (sign !== ':' || operator === ':#' || operator === ':%'))
      throw unsupported()
    const kept = this.#options.keepUnset === true
    if (operator === '/') {
      const all = this.#text[this.#at] === '/'
      if (all) this.#at += 1
      const pattern = this.#until('/', true).value
      const replacement = this.#until('}', true).value
      const value = this.#lookup(name)
      if (value === undefined && kept) return `\${${name}/${pattern}/${replacement}}`
      return applyModifier(name, value, { operator, pattern, replacement, all })
    }
    // A pattern reads its escapes itself.
    const word = this.#until('}', operator === '#' || operator === '%').value
    const value = this.#lookup(name)
    if (value === undefined && kept) return `\${${name}${operator}${word}}`
    if (!isOperator(operator)) throw unsupported()
    return applyModifier(name, value, { operator, word })
  }

  /** A name: letters, digits and underscores of any script, or a number, or one special parameter; they are never set in a Dockerfile. */
  #name(): string {
    const start = this.#at
    const first = this.#peek()
    if (first !== '' && digit.test(first)) {
      while (digit.test(this.#peek())) this.#take()
    } else if (first !== '' && specialParameters.includes(first)) {
      this.#take()
    } else {
      while (letterOrDigit.test(this.#peek())) this.#take()
    }
    return this.#text.slice(start, this.#at)
  }

  /** Keeps `<<` and the blanks behind it together with the word that follows. */
  #heredocMark(): string {
    const start = this.#at
    this.#at += 1
    if (this.#text[this.#at] === '<') {
      this.#at += 1
      while (' \t\r'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1
    }
    return this.#text.slice(start, this.#at)
  }

  #lookup(name: string): string | undefined {
    const value = this.#environment.get(name)
    ;(value === undefined ? this.unset : this.used).add(name)
    if (value !== undefined) this.#grow(value)
    return value
  }

  #grow(part: string): void {
    this.#length += part.length
    if (this.#length > maxLength)
      throw new ExpansionError(`the expanded text is longer than ${maxLength / 1024 / 1024} MiB`)
  }

  #peek(): string {
    const code = this.#text.codePointAt(this.#at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  #take(): string {
    const character = this.#peek()
    this.#at += character.length
    return character
  }

  #unclosed(what: string, start: number): ExpansionError {
    return this.#fault(what, start, undefined, this.#text.length)
  }

  #fault(message: string, start: number, hint?: string, end: number = this.#at): ExpansionError {
    return new ExpansionError(message, { start, end, ...(hint !== undefined && { hint }) })
  }
}

/** Collects words the way a shell splits fields: quoted parts never split, but an empty quoted part makes no word of its own. */
class WordSplitter {
  readonly #words: string[] = []
  #current = ''

  add(text: string, split: boolean): void {
    if (!split) {
      this.#current += text
      return
    }
    let from = 0
    for (let at = 0; at <= text.length; at++) {
      if (at < text.length && !isSpace(text.charCodeAt(at))) continue
      this.#current += text.slice(from, at)
      if (at < text.length) this.#close()
      from = at + 1
    }
  }

  finish(): readonly string[] {
    this.#close()
    return this.#words
  }

  #close(): void {
    if (this.#current !== '') this.#words.push(this.#current)
    this.#current = ''
  }
}
