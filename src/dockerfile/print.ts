import type { ParsedDockerfile } from './ast.ts'

/** The text of a parsed file, byte for byte as it was read (`encodeSource` gives the bytes). */
export function printDockerfile(parsed: Pick<ParsedDockerfile, 'items'>): string {
  return parsed.items.map((item) => item.text).join('')
}
