const escapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
}

/** Go's `strconv.Quote`, which the history texts of CMD and ENTRYPOINT are made with. */
export function goQuote(text: string): string {
  let out = '"'
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    const escape = escapes[character]
    if (escape !== undefined) out += escape
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else if (isPrintable(character)) out += character
    else if (code > 0xffff) out += `\\U${code.toString(16).padStart(8, '0')}`
    else out += `\\u${code.toString(16).padStart(4, '0')}`
  }
  return `${out}"`
}

/** Go's `%q` of a slice: `["a" "b"]`. */
export function goQuoteList(values: readonly string[]): string {
  return `[${values.map(goQuote).join(' ')}]`
}

/** Go's `%v` of a slice: `[a b]`. */
export function goList(values: readonly string[]): string {
  return `[${values.join(' ')}]`
}

/** Go's `time.Duration.String` of nanoseconds: `1m30s`, `1.5s`, `100ms`, `0s`. */
export function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s'
  const units = [
    [1e6, 1e3, 'µs'],
    [1e9, 1e6, 'ms'],
  ] as const
  if (nanoseconds < 1e3) return `${nanoseconds}ns`
  for (const [below, unit, name] of units) if (nanoseconds < below) return `${nanoseconds / unit}${name}`
  const hours = Math.floor(nanoseconds / 3600e9)
  const minutes = Math.floor(nanoseconds / 60e9) % 60
  const seconds = (nanoseconds % 60e9) / 1e9
  const tail = `${seconds}s`
  if (hours > 0) return `${hours}h${minutes}m${tail}`
  return minutes > 0 ? `${minutes}m${tail}` : tail
}

/** Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space. */
function isPrintable(character: string): boolean {
  return character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)
}

/** Go's `path.Clean`: `.` for an empty path, no `.` or doubled slashes, `..` resolved as far as it goes. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/')
  const kept: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') kept.push(part)
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop()
    else if (!rooted) kept.push(part)
  }
  if (rooted) return `/${kept.join('/')}`
  return kept.length === 0 ? '.' : kept.join('/')
}

/** Go's `path.Join`. */
export function joinPath(...parts: readonly string[]): string {
  const given = parts.filter((part) => part !== '')
  return given.length === 0 ? '' : cleanPath(given.join('/'))
}
