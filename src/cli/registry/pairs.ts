import { TsbuildError } from '../../base/errors.ts'

/** `NAME=VALUE` flags as a record. Error: USAGE. */
export function pairs(flag: string, texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=')
      if (equals < 1) throw new TsbuildError('USAGE', `Cannot use --${flag} "${text}": expected NAME=VALUE`)
      return [text.slice(0, equals), text.slice(equals + 1)]
    }),
  )
}

/** A JSON list of words, or one word: `["sh", "-c"]` or `sh`. Error: USAGE. */
export function words(flag: string, text: string): readonly string[] {
  if (!text.trimStart().startsWith('[')) return text === '' ? [] : [text]
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  } catch {
    // Told below, together with lists of other things.
  }
  throw new TsbuildError('USAGE', `Cannot use --${flag} ${text}: expected a JSON list of words`)
}
