import { compileTemplate } from './template/template.ts'

/**
 * What `--format` prints of one value: JSON for `json`, else a Go template, with a line feed at the end.
 * Throws TEMPLATE_INVALID.
 */
export function formatValue(format: string, value: unknown): string {
  return formatValues(format, [value])
}

/** The same for each of several values, the template compiled once. */
export function formatValues(format: string, values: readonly unknown[]): string {
  const template = compileTemplate(format === 'json' ? '{{json .}}' : format)
  return values.map((value) => `${template.render(value)}\n`).join('')
}
