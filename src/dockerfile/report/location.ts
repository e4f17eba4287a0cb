import type { Range } from '../source.ts'

/** A place as BuildKit's subrequests print it: one range for each line, without columns. */
export interface LineLocation {
  readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[]
}

export function lineLocation({ start, end }: Range): LineLocation {
  const last = end.column === 1 && end.line > start.line ? end.line - 1 : end.line
  const lines = Array.from({ length: last - start.line + 1 }, (_, index) => start.line + index)
  return { ranges: lines.map((line) => ({ start: { line }, end: { line } })) }
}

/** Columns of text padded to the widest cell, `gap` spaces between them; the last one is not padded. */
export function alignColumns(rows: readonly (readonly string[])[], gap: number): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  const line = (row: readonly string[]): string =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd((widths[index] ?? 0) + gap))).join('')
  return rows.map((row) => `${line(row)}\n`).join('')
}
