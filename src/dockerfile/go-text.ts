/**
 * The text functions of Go that BuildKit's grammar is defined by. JavaScript's `\s` and `trim` differ from `unicode.IsSpace`:
 * they lack U+0085 and take U+FEFF.
 */

/** Go's `unicode.IsSpace` for the code unit at `at`. All such characters lie in the basic plane. */
export function isSpaceAt(text: string, at: number): boolean {
  return isSpace(text.charCodeAt(at))
}

export function isSpace(unit: number): boolean {
  if (unit <= 0x20) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)
  if (unit < 0x1680) return unit === 0x85 || unit === 0xa0
  return (
    unit === 0x1680 ||
    (unit >= 0x2000 && unit <= 0x200a) ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000
  )
}

export function trim(text: string): string {
  const [start, end] = trimmedBounds(text, 0, text.length)
  return text.slice(start, end)
}

/** Moves both ends of a slice over white space. */
export function trimmedBounds(text: string, start: number, end: number): readonly [number, number] {
  while (start < end && isSpaceAt(text, start)) start++
  while (end > start && isSpaceAt(text, end - 1)) end--
  return [start, end]
}

/** The blanks that separate words of an instruction: tab, vertical tab, form feed, carriage return, space. */
export function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || (unit >= 0x0b && unit <= 0x0d)
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

/** `strconv.ParseBool`. */
export function parseBool(text: string): boolean | undefined {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false
  return undefined
}
