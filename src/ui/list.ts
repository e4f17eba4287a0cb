import { printable } from '../base/printable.ts'
import { alignTable } from './table.ts'
import { escapeHtml, goJson } from './template/functions.ts'
import { goSprint } from './template/go-print.ts'
import { compileTemplate } from './template/template.ts'

/** A column of a list: its heading in tables and its value, under the name that templates use (`{{.ID}}`). */
export interface ListColumn<Row> {
  readonly header: string
  /** Text as shown; a function is a method for templates only (`{{.Label "key"}}`). */
  readonly value: (row: Row) => unknown
}

export interface ListOptions<Row> {
  readonly columns: Readonly<Record<string, ListColumn<Row>>>
  /** The columns of the plain table, in order. */
  readonly shown: readonly string[]
  /** `--format`: `table`, `table TEMPLATE`, `json`, or a template for each row. */
  readonly format?: string | undefined
  /** `--quiet`: only this column, without a heading. */
  readonly quiet?: string | undefined
}

/** Prints rows as docker's lists do. Throws TEMPLATE_INVALID. */
export function formatList<Row>(rows: readonly Row[], options: ListOptions<Row>): string {
  const { columns, shown, quiet } = options
  if (quiet !== undefined && (options.format === undefined || options.format === 'table')) {
    return rows.map((row) => `${cell(columns[quiet]!.value(row))}\n`).join('')
  }
  const format = options.format ?? 'table'
  if (format === 'table') {
    const heading = shown.map((name) => columns[name]!.header)
    return alignTable([heading, ...rows.map((row) => shown.map((name) => cell(columns[name]!.value(row))))])
  }
  // docker's rows become maps, which Go writes by the order of their keys.
  const names = Object.keys(columns).sort()
  const record = (row: Row): Readonly<Record<string, unknown>> =>
    Object.fromEntries(names.map((name) => [name, columns[name]!.value(row)]))
  if (format === 'json' || /^\{\{\s*json \.\s*\}\}$/.test(format)) {
    return rows.map((row) => `${escapeHtml(goJson(record(row)))}\n`).join('')
  }
  const isTable = /^table\s/.test(format)
  const template = compileTemplate(unescape(isTable ? format.replace(/^table\s+/, '') : format))
  if (!isTable) return rows.map((row) => `${template.render(record(row))}\n`).join('')
  const headers = Object.fromEntries(Object.entries(columns).map(([name, { header }]) => [name, header]))
  const lines = [
    template.render(withMethods(headers, rows[0] === undefined ? undefined : record(rows[0]))),
    ...rows.map((row) => printable(template.render(record(row)))),
  ]
  return alignTable(lines.flatMap((line) => line.split('\n')).map((line) => line.split('\t')))
}

function cell(value: unknown): string {
  return printable(goSprint([value ?? ''])).replaceAll('\n', ' ')
}

/** The heading of a method's column is its first argument, as in docker: `{{.Label "com.x.y"}}` is headed by the key. */
function withMethods(
  headers: Readonly<Record<string, string>>,
  sample: Readonly<Record<string, unknown>> | undefined,
): object {
  const methods = Object.keys(headers).filter((name) => typeof sample?.[name] === 'function')
  return {
    ...headers,
    ...Object.fromEntries(methods.map((name) => [name, (key: unknown) => String(key).split('.').at(-1)])),
  }
}

/** Shells hand `\t` and `\n` over as two characters; docker reads them as tab and line feed in any list format. */
function unescape(format: string): string {
  return format.replaceAll(String.raw`\t`, '\t').replaceAll(String.raw`\n`, '\n')
}
