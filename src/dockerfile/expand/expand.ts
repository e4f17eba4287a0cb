import type { Problem } from '../diagnostics.ts'
import { runLexer } from './lexer.ts'

/** Where variables come from. A `Map` is one. */
export interface Environment {
  get(name: string): string | undefined
  keys?(): Iterable<string>
}

export interface ExpandOptions {
  /** The escape character; a backslash when not given. Heredoc contents always use the backslash. */
  readonly escape?: '\\' | '`'
  /** Quotes are ordinary characters (heredoc contents). */
  readonly literalQuotes?: boolean
  /** Quotes are kept in the result. */
  readonly keepQuotes?: boolean
  /** Escape characters are kept in the result. */
  readonly keepEscapes?: boolean
  /** A variable that is not set stays as it is written (what progress shows). */
  readonly keepUnset?: boolean
}

export interface Expansion {
  /** Empty when there is an error. */
  readonly value: string
  /** Names that were looked up and set. */
  readonly used: readonly string[]
  /** Names that were looked up and not set, also where a default stood in. */
  readonly unset: readonly string[]
  readonly error?: Problem
}

export interface WordsExpansion extends Omit<Expansion, 'value'> {
  /** Split at white space outside quotes, also at white space that a variable brought in. */
  readonly words: readonly string[]
}

/**
 * Expands one word to one value: quotes and escapes are resolved, `$name` and `${name}` replaced, with the forms
 * `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`. White space inside is kept. Semantics of BuildKit's shell lexer.
 */
export function expandWord(word: string, environment: Environment, options: ExpandOptions = {}): Expansion {
  const { value, used, unset, error } = runLexer(word, environment, options)
  return { value, used, unset, ...(error && { error }) }
}

/** Expands a text and splits it into words (EXPOSE). */
export function expandWords(text: string, environment: Environment, options: ExpandOptions = {}): WordsExpansion {
  const { words, used, unset, error } = runLexer(text, environment, options)
  return { words, used, unset, ...(error && { error }) }
}
