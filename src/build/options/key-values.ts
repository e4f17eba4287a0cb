import { csvFields } from '../../volume/csv-fields.ts'
import { invalidFlag } from '../../base/flag-error.ts'

/** Splits `type=x,key=value,…` of a flag; keys in lower case, a key alone has the value `true`. USAGE for a quote that stays open. */
export function keyValues(flag: string, text: string): ReadonlyMap<string, string> {
  const fields = csvFields(text)
  if (fields === undefined) throw invalidFlag(flag, text, 'a double quote stays open')
  return new Map(
    fields.map((field) => {
      const at = field.indexOf('=')
      return at < 0
        ? [field.trim().toLowerCase(), 'true']
        : [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)]
    }),
  )
}

/** The value of `NAME=VALUE`; undefined value for a name alone. USAGE for an empty name. */
export function nameAndValue(flag: string, text: string): readonly [string, string | undefined] {
  const at = text.indexOf('=')
  const name = at < 0 ? text : text.slice(0, at)
  if (name === '') throw invalidFlag(flag, text, 'the name is empty', `Write ${flag} NAME=VALUE`)
  return [name, at < 0 ? undefined : text.slice(at + 1)]
}

/** `true`, `1`, … as Go's strconv.ParseBool reads it. USAGE. */
export function booleanOption(flag: string, key: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw invalidFlag(flag, `${key}=${text}`, 'it must be true or false')
}
