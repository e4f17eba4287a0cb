export interface TableOptions {
  /** Fewest columns of a cell, white space included. */
  readonly minWidth?: number
  /** White space after the widest cell. */
  readonly padding?: number
}

/** Lines whose cells are aligned as docker's tables are: the last cell of a line is not padded and does not widen the others. */
export function alignTable(
  rows: readonly (readonly string[])[],
  { minWidth = 10, padding = 3 }: TableOptions = {},
): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? 0, minWidth, widthOf(cell) + padding)
    }
  }
  return rows
    .map(
      (row) =>
        `${row.map((cell, column) => padCell(cell, column === row.length - 1 ? 0 : widths[column]!)).join('')}\n`,
    )
    .join('')
}

function widthOf(text: string): number {
  return Array.from(text).length
}

function padCell(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - widthOf(cell)))
}
