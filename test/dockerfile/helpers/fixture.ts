import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The path of a file or folder below `fixtures`. */
export function fixture(path: string): string {
  return fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url))
}

/** The rows of a table file: no comments, no empty lines, cells divided by ` | `; ␊ and ␉ stand for a line feed and a tab. */
export function tableRows(path: string): readonly (readonly string[])[] {
  const lines = readFileSync(fixture(path), 'utf8').split('\n')
  return lines
    .filter((line) => line.trim() !== '' && !line.startsWith('# '))
    .map((line) => line.split(/ \|(?: |$)/).map((cell) => cell.trim().replaceAll('␊', '\n').replaceAll('␉', '\t')))
}
