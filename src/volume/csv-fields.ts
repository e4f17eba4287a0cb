/** Splits one line of comma-separated fields; a field in double quotes may hold commas, and `""` is a quote (RFC 4180). Undefined when a quote stays open. */
export function csvFields(line: string): readonly string[] | undefined {
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] as string
    if (quoted && char === '"' && line[at + 1] === '"') {
      field += '"'
      at += 1
    } else if (char === '"' && (quoted || field === '')) {
      quoted = !quoted
    } else if (char === ',' && !quoted) {
      fields.push(field)
      field = ''
    } else {
      field += char
    }
  }
  return quoted ? undefined : [...fields, field]
}
