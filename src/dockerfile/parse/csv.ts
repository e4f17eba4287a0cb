import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'

export interface CsvField {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Splits one line of comma separated values as RFC 4180 has it: a field in double quotes may hold commas and doubled quotes. */
export function splitCsv(line: string): Checked<readonly CsvField[]> {
  if (line === '') return bad('FLAG_INVALID', 'value is empty')
  const fields: CsvField[] = []
  let at = 0
  while (true) {
    const start = at
    let text = ''
    if (line[at] === '"') {
      at += 1
      while (line[at] !== '"' || line[at + 1] === '"') {
        if (at >= line.length) return bad('FLAG_INVALID', `closing double quote is missing in ${quoted(line)}`)
        text += line[at]
        at += line[at] === '"' ? 2 : 1
      }
      at += 1
      if (at < line.length && line[at] !== ',')
        return bad('FLAG_INVALID', `text follows a closing double quote in ${quoted(line)}`)
    } else {
      const comma = line.indexOf(',', at)
      at = comma === -1 ? line.length : comma
      text = line.slice(start, at)
      if (text.includes('"'))
        return bad(
          'FLAG_INVALID',
          `double quote inside the field ${quoted(text)}`,
          'Put the whole field in double quotes',
        )
    }
    fields.push({ text, start, end: at })
    if (at >= line.length) return good(fields)
    at += 1
  }
}
