import { invalidFlag } from '../base/flag-error.ts'

export const defaultDetachKeys = 'ctrl-p,ctrl-q'

/** Parses `--detach-keys`: comma-separated single characters or `ctrl-` with a letter or one of `@ [ \ ] ^ _`. Empty: none. USAGE. */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === '') return new Uint8Array()
  return Uint8Array.from(text.split(','), (word) => keyByte(word, text))
}

function keyByte(word: string, text: string): number {
  const control = word.toLowerCase().startsWith('ctrl-') ? controlByte(word.slice('ctrl-'.length)) : undefined
  if (control !== undefined) return control
  if (word.length === 1 && word.charCodeAt(0) < 0x80) return word.charCodeAt(0)
  const hint = 'Write single characters or ctrl-<letter>, separated by commas, for example ctrl-p,ctrl-q'
  throw invalidFlag('--detach-keys', text, `Unknown character: '${word}'`, hint)
}

/** A letter, or one of `@ [ \ ] ^ _`: what lies 0x40 above the control characters of ASCII. */
function controlByte(key: string): number | undefined {
  const upper = key.toUpperCase()
  const code = upper.charCodeAt(0) - 0x40
  return upper.length === 1 && code >= 0 && code < 0x20 ? code : undefined
}
