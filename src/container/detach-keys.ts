import { invalidFlag } from '../base/flag-error.ts'

export const defaultDetachKeys = 'ctrl-p,ctrl-q'

/** Parses `--detach-keys`: comma-separated single characters or `ctrl-` with a letter or one of `@ [ \ ] ^ _`. Empty: none. USAGE. */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === '') return new Uint8Array()
  return Uint8Array.from(text.split(','), (word) => keyByte(word, text))
}

function keyByte(word: string, text: string): number {
  const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(word)?.[1]
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 0x40
  if (word.length === 1 && word.charCodeAt(0) < 0x80) return word.charCodeAt(0)
  const hint = 'Write single characters or ctrl-<letter>, separated by commas, for example ctrl-p,ctrl-q'
  throw invalidFlag('--detach-keys', text, `Unknown character: '${word}'`, hint)
}
